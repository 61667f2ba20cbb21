// Load and origin of scripts/bench, over plain TCP, one thread, epoll.
//   bench_load serve PORT                            echoes on PORT, swallows on PORT+1
//   bench_load requests|connects|bulk HOST PORT CONNECTIONS SECONDS
// A client warms up for a second, prints "measure", works for SECONDS and prints "done UNITS FAILED":
// requests answered, connections that carried one byte there and back, or bytes sent.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
enum class Work { requests, connects, bulk };
constexpr std::size_t kRequest = 100;
std::vector<char> buffer(256 * 1024, 'x');  // of this program's only thread

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

void watch(int epoll, int fd, std::uint32_t events, int operation = EPOLL_CTL_ADD) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll, operation, fd, &event) != 0) fail("epoll_ctl");
}

sockaddr_in address_of(const char* host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("address");
  return address;
}

int listen_on(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto address = address_of("0.0.0.0", port);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("bind");
  if (listen(fd, 4096) != 0) fail("listen");
  return fd;
}

void accept_all(int epoll, int listener, std::unordered_map<int, bool>& echoes, bool echo) {
  for (int fd; (fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    echoes[fd] = echo;
    watch(epoll, fd, EPOLLIN);
  }
}

[[noreturn]] void serve(int port) {
  const int epoll = epoll_create1(0);
  const int echo = listen_on(port);
  const int sink = listen_on(port + 1);
  watch(epoll, echo, EPOLLIN);
  watch(epoll, sink, EPOLLIN);
  std::unordered_map<int, bool> echoes;
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), 256, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == echo || fd == sink) {
        accept_all(epoll, fd, echoes, fd == echo);
        continue;
      }
      const auto got = recv(fd, buffer.data(), buffer.size(), 0);
      if (got > 0) {
        if (echoes[fd] && send(fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) != got)
          close(fd);
      } else if (got == 0 || errno != EAGAIN) {
        close(fd);
      }
    }
  }
}

class Client {
 public:
  Client(Work work, sockaddr_in to) : work_(work), to_(to) {}

  void open() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0) fail("socket");
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&to_), sizeof to_) != 0 && errno != EINPROGRESS)
      fail("connect");
    waiting_[fd] = 0;
    watch(epoll_, fd, EPOLLOUT);
  }

  void run_until(Clock::time_point end) {
    std::array<epoll_event, 256> events;
    while (Clock::now() < end) {
      const int count = epoll_wait(epoll_, events.data(), 256, 100);
      for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
    }
  }

  std::uint64_t units = 0;
  std::uint64_t failed = 0;

 private:
  void renew(int fd) {
    close(fd);
    waiting_.erase(fd);
    open();
  }

  void handle(const epoll_event& event) {
    const int fd = event.data.fd;
    if (event.events & (EPOLLERR | EPOLLHUP)) {
      ++failed;
      return renew(fd);
    }
    if (event.events & EPOLLOUT) return write(fd);
    const auto got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) {
      ++failed;
      return renew(fd);
    }
    auto& left = waiting_[fd];
    left -= static_cast<std::size_t>(got) < left ? static_cast<std::size_t>(got) : left;
    if (left > 0) return;
    ++units;
    if (work_ == Work::connects) return renew(fd);
    ask(fd);
  }

  void write(int fd) {
    if (work_ == Work::bulk) {
      const auto sent = send(fd, buffer.data(), buffer.size(), MSG_NOSIGNAL);
      if (sent > 0) units += static_cast<std::uint64_t>(sent);
      return;
    }
    ask(fd);
    watch(epoll_, fd, EPOLLIN, EPOLL_CTL_MOD);
  }

  void ask(int fd) {
    const std::size_t size = work_ == Work::connects ? 1 : kRequest;
    waiting_[fd] = size;
    if (send(fd, buffer.data(), size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) ++failed;
  }

  Work work_;
  sockaddr_in to_;
  int epoll_ = epoll_create1(0);
  std::unordered_map<int, std::size_t> waiting_;
};

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::string_view mode = count > 1 ? arguments[1] : "";
  if (mode == "serve" && count == 3) serve(std::atoi(arguments[2]));
  if (count != 6 || (mode != "requests" && mode != "connects" && mode != "bulk")) {
    std::fputs("usage: bench_load serve PORT | requests|connects|bulk HOST PORT CONNECTIONS SECONDS\n",
               stderr);
    return 2;
  }
  const Work work = mode == "requests" ? Work::requests : mode == "connects" ? Work::connects : Work::bulk;
  Client client(work, address_of(arguments[2], std::atoi(arguments[3])));
  for (int i = 0; i < std::atoi(arguments[4]); ++i) client.open();
  client.run_until(Clock::now() + std::chrono::seconds(1));
  const auto units = client.units;
  const auto failed = client.failed;
  std::puts("measure");
  std::fflush(stdout);
  client.run_until(Clock::now() + std::chrono::seconds(std::atoi(arguments[5])));
  std::printf("done %llu %llu\n", static_cast<unsigned long long>(client.units - units),
              static_cast<unsigned long long>(client.failed - failed));
}
