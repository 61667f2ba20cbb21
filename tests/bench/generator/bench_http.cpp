// HTTP/1.1 load and origin of scripts/bench, one thread, epoll.
//   bench_http serve PORT                            answers every GET with 100 bytes, head and body
//   bench_http requests HOST PORT CONNECTIONS SECONDS
//   bench_http paced HOST PORT CONNECTIONS SECONDS RATE
// A client sends requests of 100 bytes on kept-alive connections, one at a time on each. It warms up for a
// second, prints "measure", works for SECONDS and prints "done UNITS FAILED P50 P99". An answer other than a
// whole 200 with a length counts as failed. paced is an open loop: a request is due at fixed times, RATE a
// second in all, goes out on the next free connection, and its time, in ns, counts from when it was due; one
// that is still unsent at the end counts with the time that it has waited so far.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sockets.h"

namespace {

using namespace bench;

constexpr std::string_view kRequest =
    "GET /catalogue/item HTTP/1.1\r\nhost: shop.example\r\nuser-agent: bench/1.0\r\n"
    "accept: text/plain, */*\r\n\r\n";
constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 35\r\n\r\n"
    "thirty-five bytes, the whole body.\n";
static_assert(kRequest.size() == 100 && kAnswer.size() == 100);
constexpr std::string_view kHeadEnd = "\r\n\r\n";

std::array<char, 64 * 1024> buffer;  // of this program's only thread

// Of a message that comes in pieces.
struct Incoming {
  std::string text;
  std::size_t ended() const {  // 0: the head is not whole
    const auto at = text.find(kHeadEnd);
    return at == std::string::npos ? 0 : at + kHeadEnd.size();
  }
};

bool answer_requests(int fd, Incoming& incoming) {
  const auto got = recv(fd, buffer.data(), buffer.size(), 0);
  if (got <= 0) return got < 0 && errno == EAGAIN;
  incoming.text.append(buffer.data(), static_cast<std::size_t>(got));
  std::string answers;
  while (const auto end = incoming.ended()) {
    incoming.text.erase(0, end);
    answers.append(kAnswer);
  }
  return send(fd, answers.data(), answers.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(answers.size());
}

[[noreturn]] void serve(int port) {
  const int epoll = epoll_create1(0);
  const int listener = listen_on(port);
  watch(epoll, listener, EPOLLIN);
  std::unordered_map<int, Incoming> clients;
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), 256, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        accept_all(epoll, fd);
      } else if (!answer_requests(fd, clients[fd])) {
        clients.erase(fd);
        close(fd);
      }
    }
  }
}

// Of a whole head of an answer: how long its body is. Nothing: not a 200 with a length.
std::optional<std::size_t> body_length(std::string_view head) {
  constexpr std::string_view kLength = "content-length:";
  if (!head.starts_with("HTTP/1.1 200 ")) return std::nullopt;
  for (auto at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
    const auto line = head.substr(at + 2);
    if (line.size() < kLength.size() || strncasecmp(line.data(), kLength.data(), kLength.size()) != 0)
      continue;
    const auto digits = line.find_first_of("0123456789");
    std::size_t length = 0;
    const auto* begin = line.data() + digits;
    if (std::from_chars(begin, line.data() + line.size(), length).ec == std::errc()) return length;
  }
  return std::nullopt;
}

class Client {
 public:
  Client(sockaddr_in to, bool paced) : to_(to), paced_(paced) {}

  void open() {
    const int fd = connect_to(to_);
    asked_[fd] = {};
    watch(epoll_, fd, EPOLLOUT);
  }

  void run_until(Clock::time_point end) {
    std::array<epoll_event, 256> events;
    while (Clock::now() < end) take(events, epoll_wait(epoll_, events.data(), 256, 100));
  }

  void pace_until(Clock::time_point end, int rate) {
    const auto step = std::chrono::nanoseconds(std::chrono::seconds(1)) / rate;
    std::array<epoll_event, 256> events;
    for (auto due = Clock::now(); due < end;) {
      for (const auto now = Clock::now(); due <= now; due += step) due_.push_back(due);
      send_due();
      const auto left = std::chrono::nanoseconds(due - Clock::now()).count();
      const timespec wait{0, left > 0 ? left : 0};
      take(events, epoll_pwait2(epoll_, events.data(), 256, &wait, nullptr));
    }
    for (const auto late : due_) times.push_back(std::chrono::nanoseconds(Clock::now() - late).count());
  }

  std::uint64_t units = 0;
  std::uint64_t failed = 0;
  std::vector<std::int64_t> times;  // ns, of paced requests

 private:
  struct Asked {
    Incoming answer;
    Clock::time_point due;
  };

  void take(const std::array<epoll_event, 256>& events, int count) {
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.events & EPOLLOUT) {
        watch(epoll_, event.data.fd, EPOLLIN, EPOLL_CTL_MOD);
        be_free(event.data.fd);
      } else if (!read(event.data.fd)) {
        ++failed;
        renew(event.data.fd);
      }
    }
  }

  bool read(int fd) {
    const auto got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) return got < 0 && errno == EAGAIN;
    auto& [answer, due] = asked_[fd];
    answer.text.append(buffer.data(), static_cast<std::size_t>(got));
    const auto end = answer.ended();
    if (end == 0) return true;
    const auto length = body_length(std::string_view(answer.text).substr(0, end));
    if (!length || answer.text.size() > end + *length) return false;
    if (answer.text.size() < end + *length) return true;
    answer.text.clear();
    ++units;
    if (paced_) times.push_back(std::chrono::nanoseconds(Clock::now() - due).count());
    be_free(fd);
    return true;
  }

  void be_free(int fd) {
    if (!paced_) return ask(fd, {});
    free_.push_back(fd);
    send_due();
  }

  void send_due() {
    for (; !due_.empty() && !free_.empty(); due_.pop_front(), free_.pop_front())
      ask(free_.front(), due_.front());
  }

  void ask(int fd, Clock::time_point due) {
    asked_[fd].due = due;
    if (send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kRequest.size()))
      ++failed;
  }

  void renew(int fd) {
    std::erase(free_, fd);
    close(fd);
    asked_.erase(fd);
    open();
  }

  sockaddr_in to_;
  bool paced_;
  int epoll_ = epoll_create1(0);
  std::unordered_map<int, Asked> asked_;
  std::deque<int> free_;
  std::deque<Clock::time_point> due_;
};

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::string_view mode = count > 1 ? arguments[1] : "";
  if (mode == "serve" && count == 3) serve(std::atoi(arguments[2]));
  const bool paced = mode == "paced" && count == 7;
  if (!paced && !(mode == "requests" && count == 6)) {
    std::fputs(
        "usage: bench_http serve PORT\n"
        "       bench_http requests HOST PORT CONNECTIONS SECONDS\n"
        "       bench_http paced HOST PORT CONNECTIONS SECONDS RATE\n",
        stderr);
    return 2;
  }
  const int rate = paced ? std::atoi(arguments[6]) : 0;
  if (paced && rate <= 0) return 2;
  Client client(address_of(arguments[2], std::atoi(arguments[3])), paced);
  for (int i = 0; i < std::atoi(arguments[4]); ++i) client.open();
  const auto work_until = [&client, paced, rate](Clock::time_point end) {
    paced ? client.pace_until(end, rate) : client.run_until(end);
  };
  work_until(Clock::now() + std::chrono::seconds(1));
  const auto units = client.units;
  const auto failed = client.failed;
  client.times.clear();
  measure();
  work_until(Clock::now() + std::chrono::seconds(std::atoi(arguments[5])));
  tell(client.units - units, client.failed - failed, client.times);
}
