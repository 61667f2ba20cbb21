#include "io/tcp_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

#include "io/socket.h"

namespace sluice::io {
namespace {

SocketAddr ask_address(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (ask(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return SocketAddr::from(storage);
}

std::unexpected<Error> failed(int sys_errno, const char* step) {
  return std::unexpected(socket_error(sys_errno, Origin::internal, step));
}

}  // namespace

Result<Fd> open_tcp_socket(const SocketAddr& towards) {
  Fd fd(::socket(towards.ip.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return failed(errno, "socket");
  return fd;
}

Result<Fd> open_listener(const SocketAddr& at, int backlog) {
  auto fd = open_tcp_socket(at);
  if (!fd) return fd;
  const int on = 1;
  ::setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (auto bound = bind_socket(fd->get(), family_of_socket(fd->get()), at); !bound)
    return std::unexpected(bound.error());
  if (::listen(fd->get(), backlog) != 0) return failed(errno, "listen");
  return fd;
}

Result<> bind_socket(int fd, int family, const SocketAddr& at) {
  sockaddr_storage storage{};
  const unsigned length = at.to(storage, family);
  if (length == 0) return failed(EAFNOSUPPORT, "bind");
  if (::bind(fd, reinterpret_cast<sockaddr*>(&storage), length) != 0) return failed(errno, "bind");
  return {};
}

int family_of_socket(int fd) {
  int family = AF_INET6;
  socklen_t size = sizeof(family);
  ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
  return family;
}

SocketAddr address_of_socket(int fd) {
  return ask_address(fd, ::getsockname);
}
SocketAddr address_of_peer(int fd) {
  return ask_address(fd, ::getpeername);
}

void let_it_wait(int fd) {
  int off = 0;
  ::ioctl(fd, FIONBIO, &off);
}

void send_without_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void reset_on_close(int fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

}  // namespace sluice::io
