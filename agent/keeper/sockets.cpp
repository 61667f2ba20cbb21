#include "keeper/sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "local_hop.h"

namespace sluice::keeper {
namespace {

constexpr int kBacklog = 4096;

int set_option(int fd, int level, int option, int value) {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : errno;
}

// One bit of the socket, whichever family's option sets it; needs CAP_NET_ADMIN.
int set_transparent(int fd) {
  return set_option(fd, SOL_IP, IP_TRANSPARENT, 1);
}

SysResult<Fd> make_socket(int family) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!fd) return std::unexpected(errno);
  return fd;
}

SysResult<Fd> make_listener_of(int family, bool local_hop) {
  auto fd = make_socket(family);
  if (!fd) return fd;
  const bool ipv6 = family == AF_INET6;
  if (ipv6)
    if (const int error = set_option(fd->get(), SOL_IPV6, IPV6_V6ONLY, 0); error != 0)
      return std::unexpected(error);
  if (const int error = set_transparent(fd->get()); error != 0) return std::unexpected(error);
  // What is accepted inherits it. Its local port is the application's, which could not listen again after a
  // restart as long as one of our connections lives.
  if (const int error = set_option(fd->get(), SOL_SOCKET, SO_REUSEADDR, 1); error != 0)
    return std::unexpected(error);
  // So is this. A kernel without it loses only speed.
  if (local_hop)
    (void)::setsockopt(fd->get(), IPPROTO_TCP, TCP_CONGESTION, SLUICE_LOCAL_CONGESTION_CONTROL,
                       sizeof SLUICE_LOCAL_CONGESTION_CONTROL - 1);
  sockaddr_in6 any6{};
  any6.sin6_family = AF_INET6;
  sockaddr_in any4{};
  any4.sin_family = AF_INET;
  const auto* address =
      ipv6 ? reinterpret_cast<const sockaddr*>(&any6) : reinterpret_cast<const sockaddr*>(&any4);
  if (::bind(fd->get(), address, ipv6 ? sizeof any6 : sizeof any4) != 0) return std::unexpected(errno);
  if (::listen(fd->get(), kBacklog) != 0) return std::unexpected(errno);
  return fd;
}

}  // namespace

Outcome<Namespaces> Namespaces::open() {
  Fd home(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!home) return fault_errno("cannot open the own network namespace", errno);
  return Namespaces(std::move(home));
}

int Namespaces::enter(int netns) {
  return ::setns(netns, CLONE_NEWNET) == 0 ? 0 : errno;
}

void Namespaces::go_back() const {
  if (::setns(home_.get(), CLONE_NEWNET) == 0) return;
  constexpr char kText[] = "sluice keeper: cannot return to the own network namespace\n";
  (void)!::write(STDERR_FILENO, kText, sizeof kText - 1);
  std::abort();
}

SysResult<Fd> make_listener(bool local_hop) {
  auto fd = make_listener_of(AF_INET6, local_hop);
  // IPv6 compiled out or disabled by ipv6.disable=1 in this namespace.
  if (!fd && (fd.error() == EAFNOSUPPORT || fd.error() == EADDRNOTAVAIL))
    fd = make_listener_of(AF_INET, local_hop);
  return fd;
}

SysResult<Fd> make_upstream(message::SocketKind kind, bool ipv6, std::uint32_t mark) {
  auto fd = make_socket(ipv6 ? AF_INET6 : AF_INET);
  if (!fd) return fd;
  int error = ipv6 ? set_option(fd->get(), SOL_IPV6, IPV6_V6ONLY, 0) : 0;
  if (kind == message::SocketKind::app_in) {
    if (error == 0) error = set_transparent(fd->get());
    // The proxy binds a source port per 4-tuple, not per address: connections to other destinations share it.
    if (error == 0) error = set_option(fd->get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (error == 0) error = set_option(fd->get(), SOL_SOCKET, SO_MARK, static_cast<int>(mark));
  }
  if (error != 0) return std::unexpected(error);
  return fd;
}

}  // namespace sluice::keeper
