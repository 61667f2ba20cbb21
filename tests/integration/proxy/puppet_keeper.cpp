#include "puppet_keeper.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <chrono>
#include <cstring>

#include "policy/table/codec.h"

namespace sluice::test {
namespace {

constexpr int kIpv6Transparent = 75;
constexpr auto kPatience = std::chrono::seconds(10);

void set_option(const Fd& fd, int level, int option, int value) {
  EXPECT_EQ(0, ::setsockopt(fd.get(), level, option, &value, sizeof value)) << option << " errno " << errno;
}

Fd make_socket(const Netns& netns, bool transparent) {
  return netns.in([&] {
    Fd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_TRUE(fd.valid());
    set_option(fd, SOL_IPV6, IPV6_V6ONLY, 0);
    if (transparent) {
      set_option(fd, SOL_IP, IP_TRANSPARENT, 1);
      set_option(fd, SOL_IPV6, kIpv6Transparent, 1);
      set_option(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    }
    return fd;
  });
}

bool readable(int fd, std::chrono::milliseconds patience) {
  pollfd wait{fd, POLLIN, 0};
  return ::poll(&wait, 1, static_cast<int>(patience.count())) == 1;
}

void pair(Fd& ours, Fd& theirs) {
  int ends[2];
  ASSERT_EQ(0, ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
  ours = Fd(ends[0]);
  theirs = Fd(ends[1]);
}

template <typename Get>
SocketAddr name_of(const Fd& socket, Get get) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  EXPECT_EQ(0, get(socket.get(), reinterpret_cast<sockaddr*>(&storage), &size));
  return SocketAddr::from(storage);
}

void bind_to(const Fd& fd, const SocketAddr& at) {
  sockaddr_storage storage{};
  const unsigned size = at.to(storage, AF_INET6);
  ASSERT_EQ(0, ::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size))
      << at.text() << " errno " << errno;
}

}  // namespace

Fd listen_in(const Netns& netns, const SocketAddr& at) {
  Fd fd = make_socket(netns, false);
  bind_to(fd, at);
  EXPECT_EQ(0, ::listen(fd.get(), 64));
  return fd;
}

Fd connect_in(const Netns& netns, const SocketAddr& to, const SocketAddr& source) {
  Fd fd = make_socket(netns, false);
  const timeval patience{5, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (!source.ip.is_unspecified()) bind_to(fd, source);
  sockaddr_storage storage{};
  const unsigned size = to.to(storage, AF_INET6);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0) fd.reset();
  return fd;
}

Fd accept_from(const Fd& listener) {
  if (!readable(listener.get(), kPatience)) return Fd();
  return Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

std::uint16_t port_of(const Fd& socket) {
  return name_of(socket, ::getsockname).port;
}
SocketAddr peer_of(const Fd& socket) {
  return name_of(socket, ::getpeername);
}

void write_text(const Fd& socket, std::string_view text) {
  ASSERT_EQ(static_cast<ssize_t>(text.size()), ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL));
}

std::string read_text(const Fd& socket, std::size_t size) {
  std::string out;
  while (out.size() < size) {
    char buffer[65536];
    if (!readable(socket.get(), kPatience)) return out + "<timeout>";
    const ssize_t n = ::recv(socket.get(), buffer, std::min(sizeof buffer, size - out.size()), 0);
    if (n < 0) return out + "<" + ::strerrorname_np(errno) + ">";
    if (n == 0) break;
    out.append(buffer, static_cast<std::size_t>(n));
  }
  return out;
}

PuppetKeeper::PuppetKeeper(const Netns& netns, const char* binary, std::vector<std::string> arguments)
    : netns_(netns) {
  Fd proxy_end;
  pair(channel_, proxy_end);
  auto memory = make_flight_memory();
  EXPECT_TRUE(memory);
  auto reader = FlightReader::open(memory->get());
  EXPECT_TRUE(reader);
  flight_ = std::move(*reader);
  arguments.insert(arguments.begin(), "sluice-proxy");
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const int channel = ::fcntl(proxy_end.get(), F_DUPFD, 16);
    const int flight_memory = ::fcntl(memory->get(), F_DUPFD, 16);
    ::dup2(channel, 3);
    ::dup2(flight_memory, 4);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    ::execv(binary, argv.data());
    ::_exit(127);
  }
  proxy_end.reset();
  sockets_ = std::thread(&PuppetKeeper::serve_sockets, this);
  Fd agent_end;
  pair(link_, agent_end);
  const int fd = agent_end.get();
  EXPECT_TRUE(message::send_body(channel_.get(), message::Type::peer_link, 0, message::PeerLink{1},
                                 std::span(&fd, 1)));
  EXPECT_TRUE(readable(link_.get(), kPatience)) << "the proxy never became ready";
  const auto ready = message::receive(link_.get());
  EXPECT_TRUE(ready && ready->header.type == message::Type::proxy_ready);
}

PuppetKeeper::~PuppetKeeper() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::shutdown(channel_.get(), SHUT_RDWR);
  sockets_.join();
}

void PuppetKeeper::serve_sockets() {
  while (true) {
    auto packet = message::receive(channel_.get());
    if (!packet) return;
    if (packet->header.type == message::Type::serving) continue;
    const auto wanted = message::body_of<message::MakeSockets>(*packet);
    if (!wanted) return;
    std::vector<Fd> made;
    std::vector<int> fds;
    for (std::uint32_t i = 0; i < wanted->count; ++i) {
      made.push_back(make_socket(netns_, wanted->kind == message::SocketKind::app_in));
      fds.push_back(made.back().get());
    }
    const message::Sockets answer{wanted->workload, wanted->kind, 0, wanted->ipv6};
    (void)message::send_body(channel_.get(), message::Type::sockets, packet->header.request, answer, fds);
  }
}

std::uint16_t PuppetKeeper::add_listener(WorkloadId workload, message::ListenerSlot slot) {
  const Fd listener = make_socket(netns_, true);
  EXPECT_EQ(0, ::listen(listener.get(), 4096));
  const int fd = listener.get();
  const message::Listener body{number(workload), slot};
  EXPECT_TRUE(message::send_body(channel_.get(), message::Type::listener, 0, body, std::span(&fd, 1)));
  return port_of(listener);
}

void PuppetKeeper::remove_workload(WorkloadId workload) {
  EXPECT_TRUE(message::send_body(channel_.get(), message::Type::listener_gone, 0,
                                 message::ListenerGone{number(workload)}));
}

std::string PuppetKeeper::send_section(message::SectionKind kind, std::span<const std::byte> bytes) {
  const auto memory = message::sealed_memfd("section", bytes);
  const int fd = memory->get();
  const message::Section body{kind, 0, ++version_, bytes.size()};
  EXPECT_TRUE(message::send_body(link_.get(), message::Type::section, 0, body, std::span(&fd, 1)));
  if (!readable(link_.get(), kPatience)) return "no verdict";
  const auto packet = message::receive(link_.get());
  if (!packet) return packet.error().message;
  const auto verdict = message::body_of<message::SectionVerdict>(*packet);
  if (!verdict) return verdict.error().message;
  return verdict->accepted != 0 ? "" : verdict->reason.data();
}

std::string PuppetKeeper::send_table(const policy::TableImage& image) {
  return send_section(message::SectionKind::table, policy::encode(image));
}

std::string PuppetKeeper::send_credentials(const CredentialsImage& image) {
  return send_section(message::SectionKind::credentials, encode_credentials(image));
}

FlightRow PuppetKeeper::finished(std::uint16_t client_port) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    for (const FlightRow& row : flight_->finished()) {
      if (row.client_port == client_port) return row;
    }
    ::poll(nullptr, 0, 2);
  }
  ADD_FAILURE() << "no finished record for client port " << client_port;
  return {};
}

int PuppetKeeper::stop() {
  ::kill(pid_, SIGTERM);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return status;
}

}  // namespace sluice::test
