// Load and origin of scripts/bench, over plain TCP, one thread, epoll.
//   bench_load serve PORT                            echoes on PORT, swallows on PORT+1
//   bench_load requests|connects|bulk|paced HOST PORT CONNECTIONS SECONDS
//   bench_load dials HOST PORT RATE SECONDS NETNS OTHER_HOST OTHER_PORT
// A client warms up for a second, prints "measure", works for SECONDS and prints "done UNITS FAILED P50 P99":
// requests answered, connections that carried one byte there and back, or bytes sent. paced sends 50 requests
// a second on each connection at fixed times, whether or not answers came, and counts a request's time from
// when it was due. Times are in ns, 0 for the other modes. dials times connect() itself, RATE a second to
// each of two addresses by turns: HOST from this namespace, OTHER_HOST from that of the file NETNS. It prints
// "done UNITS FAILED P50 P99 P50 P99", the first pair for HOST.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sockets.h"

namespace {

using namespace bench;
enum class Work { requests, connects, bulk, paced, dials };
constexpr std::size_t kRequest = 100;
constexpr int kPacedRate = 50;              // requests a second and connection
std::vector<char> buffer(256 * 1024, 'x');  // of this program's only thread

// Echo and sink are processes of their own, so that one's work does not delay the other's.
[[noreturn]] void serve(int port) {
  const auto parent = getpid();
  const auto child = fork();
  if (child < 0) fail("fork");
  if (child == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)) std::exit(1);
  const bool echo = child != 0;
  const int epoll = epoll_create1(0);
  const int listener = listen_on(echo ? port : port + 1);
  watch(epoll, listener, EPOLLIN);
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), 256, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        accept_all(epoll, fd);
        continue;
      }
      const auto got = recv(fd, buffer.data(), buffer.size(), 0);
      if (got > 0) {
        if (echo && send(fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) != got) close(fd);
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
    const int fd = connect_to(to_);
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

  // Open loop: what is due is sent, on each connection in turn.
  void pace_until(Clock::time_point end) {
    std::vector<int> fds;
    for (const auto& [fd, left] : waiting_) fds.push_back(fd);
    const auto step = std::chrono::nanoseconds(std::chrono::seconds(1)) / (kPacedRate * std::ssize(fds));
    std::array<epoll_event, 256> events;
    auto due = Clock::now();
    for (std::size_t next = 0; due < end;) {
      for (const auto now = Clock::now(); due <= now; due += step, next = (next + 1) % fds.size()) {
        due_[fds[next]].push_back(due);
        if (send(fds[next], buffer.data(), kRequest, MSG_NOSIGNAL) != kRequest) ++failed;
      }
      const auto left = std::chrono::nanoseconds(due - Clock::now()).count();
      const timespec wait{0, left > 0 ? left : 0};
      const int count = epoll_pwait2(epoll_, events.data(), 256, &wait, nullptr);
      for (int i = 0; i < count; ++i) answer(events[static_cast<std::size_t>(i)].data.fd);
    }
  }

  std::uint64_t units = 0;
  std::uint64_t failed = 0;
  std::vector<std::int64_t> times;  // ns, of paced requests

 private:
  void answer(int fd) {
    const auto got = recv(fd, buffer.data(), buffer.size(), 0);
    auto& due = due_[fd];
    if (got <= 0) {
      ++failed;
      return watch(epoll_, fd, 0, EPOLL_CTL_MOD);
    }
    for (auto& left = waiting_[fd] += static_cast<std::size_t>(got); left >= kRequest && !due.empty();
         left -= kRequest, due.pop_front(), ++units)
      times.push_back(std::chrono::nanoseconds(Clock::now() - due.front()).count());
  }

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
    if (work_ != Work::paced) ask(fd);
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
  std::unordered_map<int, std::size_t> waiting_;  // bytes still to come; paced: came beyond whole answers
  std::unordered_map<int, std::deque<Clock::time_point>> due_;
};

struct Dialled {
  int netns;
  sockaddr_in to;
  std::vector<std::int64_t> times;
};

// How long connect() takes in ns, -1 when it failed. Ended by a reset: no TIME_WAIT.
std::int64_t dial_once(const Dialled& dialled) {
  if (setns(dialled.netns, CLONE_NEWNET) != 0) fail("setns");
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  const auto began = Clock::now();
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&dialled.to), sizeof dialled.to);
  const auto took = std::chrono::nanoseconds(Clock::now() - began).count();
  close(fd);
  return result == 0 ? took : -1;
}

// At a rate that lets nothing pile up, and by turns, so that whatever else the machine does meets both alike.
void dial(std::array<Dialled, 2> both, int rate, int seconds) {
  std::uint64_t failed = 0;
  const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  const timespec period{0, 1'000'000'000 / (2 * rate)};
  const itimerspec ticks{period, period};
  if (timer < 0 || timerfd_settime(timer, 0, &ticks, nullptr) != 0) fail("timerfd");
  for (int i = 0; i < 2 * rate * (seconds + 1); ++i) {
    std::uint64_t expired = 0;
    if (read(timer, &expired, sizeof expired) != sizeof expired) fail("timerfd");
    if (i == 2 * rate) {
      failed = 0;
      for (Dialled& one : both) one.times.clear();
      measure();
    }
    Dialled& one = both[static_cast<std::size_t>(i % 2)];
    if (const auto took = dial_once(one); took >= 0)
      one.times.push_back(took);
    else
      ++failed;
  }
  std::printf("done %zu %llu", both[0].times.size() + both[1].times.size(),
              static_cast<unsigned long long>(failed));
  for (Dialled& one : both)
    std::printf(" %lld %lld", static_cast<long long>(quantile(one.times, 0.5)),
                static_cast<long long>(quantile(one.times, 0.99)));
  std::puts("");
}

int open_netns(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(path);
  return fd;
}

Work work_of(std::string_view mode) {
  if (mode == "requests") return Work::requests;
  if (mode == "connects") return Work::connects;
  if (mode == "bulk") return Work::bulk;
  if (mode == "paced") return Work::paced;
  if (mode == "dials") return Work::dials;
  std::fputs(
      "usage: bench_load serve PORT\n"
      "       bench_load requests|connects|bulk|paced HOST PORT CONNECTIONS SECONDS\n"
      "       bench_load dials HOST PORT RATE SECONDS NETNS OTHER_HOST OTHER_PORT\n",
      stderr);
  std::exit(2);
}

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::string_view mode = count > 1 ? arguments[1] : "";
  if (mode == "serve" && count == 3) serve(std::atoi(arguments[2]));
  const Work work = work_of(count == (mode == "dials" ? 9 : 6) ? mode : "");
  const auto to = address_of(arguments[2], std::atoi(arguments[3]));
  const int connections = std::atoi(arguments[4]);
  const int seconds = std::atoi(arguments[5]);
  if (work == Work::dials) {
    const auto other = address_of(arguments[7], std::atoi(arguments[8]));
    dial({{{open_netns("/proc/self/ns/net"), to, {}}, {open_netns(arguments[6]), other, {}}}}, connections,
         seconds);
    return 0;
  }
  Client client(work, to);
  for (int i = 0; i < connections; ++i) client.open();
  client.run_until(Clock::now() + std::chrono::seconds(1));
  const auto units = client.units;
  const auto failed = client.failed;
  measure();
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  if (work == Work::paced) {
    client.pace_until(end);
  } else {
    client.run_until(end);
  }
  tell(client.units - units, client.failed - failed, client.times);
}
