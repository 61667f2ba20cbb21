// The floor of scripts/bench: what any proxy of requests must ask of the kernel on warm connections, and
// nothing else. Bytes are not read, nobody is asked for permission, nothing is encrypted.
//   bench_floor near NETNS PORT NETNS HOST PORT   listens in the first namespace, connects in the second
//   bench_floor epoll NETNS PORT NETNS HOST PORT  the same by epoll instead of io_uring
//   bench_floor out NETNS PORT HOST PORT          the client's node: all messages go through one connection
//   bench_floor in PORT NETNS HOST PORT           the server's node: takes them to the origin
// Between the nodes a message is a record of fixed size with its connection's number, and what came in one
// turn of the loop travels together. One thread; any error ends the program.
#include <fcntl.h>
#include <liburing.h>
#include <sched.h>

#include <array>
#include <csignal>
#include <cstring>
#include <string_view>

#include "sockets.h"

namespace {

using namespace bench;

constexpr unsigned kBuffers = 256;  // a power of two
constexpr std::size_t kBufferSize = 4096;
constexpr std::size_t kDescriptors = 16384;  // ended connections keep theirs: no number means two of them

// A message between the nodes: bench_http's 100 bytes, as if head and frame cost what compression saves.
struct Record {
  std::uint32_t connection;
  std::array<char, 100> message;
};

int number(const char* text) {
  return std::atoi(text);
}

// Sockets that are made from now on belong to the namespace of this path.
void enter(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) fail(path);
  close(fd);
}

// `local`: a hop to an application, for which Sluice chooses Reno as well. Blocking, or io_uring does not
// wait.
int prepare(int fd, bool local) {
  const int on = 1;
  if (fd < 0 || static_cast<std::size_t>(fd) >= kDescriptors) fail("a socket");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (local) setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
  fcntl(fd, F_SETFL, 0);
  return fd;
}

int reach(const sockaddr_in& to, bool local) {
  const int fd = prepare(socket(AF_INET, SOCK_STREAM, 0), local);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) fail("connect");
  return fd;
}

// One io_uring as Sluice sets up its own: deferred task work, multishot receives into provided buffers.
class Kernel {
 public:
  enum Kind : std::uint64_t { kAccepted, kReceived, kSent };

  Kernel() {
    io_uring_params params{};
    params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
                   IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN;
    params.cq_entries = 8192;
    check(io_uring_queue_init_params(1024, &ring_, &params), "io_uring_queue_init");
    io_uring_buf_reg registration{};
    offered_ = static_cast<io_uring_buf_ring*>(std::aligned_alloc(4096, kBuffers * sizeof(io_uring_buf)));
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(offered_);
    registration.ring_entries = kBuffers;
    check(io_uring_register_buf_ring(&ring_, &registration, 0), "io_uring_register_buf_ring");
    io_uring_buf_ring_init(offered_);
    for (unsigned buffer = 0; buffer < kBuffers; ++buffer) give_back(buffer);
    io_uring_register_ring_fd(&ring_);
  }

  const char* bytes(unsigned buffer) const { return memory_.data() + buffer * kBufferSize; }
  void give_back(unsigned buffer) {
    io_uring_buf_ring_add(offered_, memory_.data() + buffer * kBufferSize, kBufferSize,
                          static_cast<unsigned short>(buffer), io_uring_buf_ring_mask(kBuffers), 0);
    io_uring_buf_ring_advance(offered_, 1);
  }
  void accept(int listener) {
    io_uring_sqe& sqe = next();
    io_uring_prep_multishot_accept(&sqe, listener, nullptr, nullptr, 0);
    sqe.user_data = data(kAccepted, listener, 0);
  }
  void receive(int fd) {
    io_uring_sqe& sqe = next();
    io_uring_prep_recv_multishot(&sqe, fd, nullptr, 0, 0);
    sqe.flags |= IOSQE_BUFFER_SELECT;
    sqe.user_data = data(kReceived, fd, 0);
  }
  void send(int fd, const char* from, std::size_t size, unsigned buffer) {
    io_uring_sqe& sqe = next();
    io_uring_prep_send(&sqe, fd, from, size, MSG_NOSIGNAL | MSG_WAITALL);
    sqe.user_data = data(kSent, fd, buffer);
  }

  // take(kind, descriptor, buffer, result) for every completion of a turn.
  template <typename Take>
  void turn(Take take) {
    io_uring_submit_and_wait(&ring_, 1);
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      ++count;
      const auto kind = static_cast<Kind>(cqe->user_data & 3);
      const auto fd = static_cast<int>(cqe->user_data >> 2 & 0xffff);
      const bool picked = (cqe->flags & IORING_CQE_F_BUFFER) != 0;
      if (kind == kReceived && (cqe->flags & IORING_CQE_F_MORE) == 0 && cqe->res != 0) receive(fd);
      if (kind == kReceived && cqe->res == -ENOBUFS) continue;
      take(kind, fd,
           picked ? cqe->flags >> IORING_CQE_BUFFER_SHIFT : static_cast<unsigned>(cqe->user_data >> 32),
           cqe->res);
    }
    io_uring_cq_advance(&ring_, count);
  }

 private:
  static void check(int result, const char* what) {
    errno = result < 0 ? -result : result;
    if (result != 0) fail(what);
  }
  static std::uint64_t data(Kind kind, int fd, unsigned buffer) {
    return kind | static_cast<std::uint64_t>(fd) << 2 | static_cast<std::uint64_t>(buffer) << 32;
  }
  io_uring_sqe& next() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    for (; sqe == nullptr; sqe = io_uring_get_sqe(&ring_)) io_uring_submit(&ring_);
    return *sqe;
  }

  io_uring ring_{};
  io_uring_buf_ring* offered_ = nullptr;
  std::vector<char> memory_ = std::vector<char>(kBuffers * kBufferSize);
};

std::array<int, kDescriptors> others;  // of a descriptor: where its bytes go; 0 is nowhere

int& other_of(int fd) {
  return others[static_cast<std::size_t>(fd)];
}

int pair_with(int client, const sockaddr_in& to) {
  const int server = reach(to, true);
  other_of(prepare(client, true)) = server;
  other_of(server) = client;
  return server;
}

[[noreturn]] void serve_near(int listener, const sockaddr_in& to) {
  Kernel kernel;
  kernel.accept(listener);
  for (;;) {
    kernel.turn([&](Kernel::Kind kind, int fd, unsigned buffer, int result) {
      if (kind == Kernel::kAccepted) {
        kernel.receive(pair_with(result, to));
        kernel.receive(result);
      } else if (kind == Kernel::kSent) {
        kernel.give_back(buffer);
      } else if (result > 0) {
        kernel.send(other_of(fd), kernel.bytes(buffer), static_cast<std::size_t>(result), buffer);
      }
    });
  }
}

[[noreturn]] void serve_by_epoll(int listener, const sockaddr_in& to) {
  const int epoll = epoll_create1(0);
  watch(epoll, listener, EPOLLIN);
  std::array<epoll_event, 256> events;
  std::array<char, kBufferSize> buffer;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), 256, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        const int client = accept4(listener, nullptr, nullptr, 0);
        if (client < 0) continue;
        watch(epoll, pair_with(client, to), EPOLLIN);
        watch(epoll, client, EPOLLIN);
        continue;
      }
      const auto got = recv(fd, buffer.data(), buffer.size(), 0);
      if (got > 0) {
        send(other_of(fd), buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
      } else {
        epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr);
      }
    }
  }
}

// Connections of applications on one side, one connection to the other node on the other.
class Hop {
 public:
  explicit Hop(Kernel& kernel, int fd) : kernel_(kernel), fd_(fd) { kernel_.receive(fd); }

  void add(std::uint32_t connection, const char* message, std::size_t size) {
    Record record{connection, {}};
    std::memcpy(record.message.data(), message, std::min(size, record.message.size()));
    const auto* bytes = reinterpret_cast<const char*>(&record);
    next_.insert(next_.end(), bytes, bytes + sizeof record);
  }
  // What came in this turn, unless the turn before is still on its way.
  void flush() {
    if (!under_way_.empty() || next_.empty()) return;
    under_way_.swap(next_);
    kernel_.send(fd_, under_way_.data(), under_way_.size(), kNone);
  }
  void sent() { under_way_.clear(); }
  template <typename Take>
  void read(const char* bytes, std::size_t size, Take take) {
    rest_.insert(rest_.end(), bytes, bytes + size);
    std::size_t at = 0;
    for (Record record; rest_.size() - at >= sizeof record; at += sizeof record) {
      std::memcpy(&record, rest_.data() + at, sizeof record);
      take(record);
    }
    rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  int fd() const { return fd_; }
  static constexpr unsigned kNone = kBuffers;  // of a send that holds no buffer

 private:
  Kernel& kernel_;
  int fd_;
  std::vector<char> next_, under_way_, rest_;
};

std::array<Record, kDescriptors> on_the_way;  // of a connection: what it is being sent, one message at a time

// `listener` 0: the server's node, whose connections are numbered by the other.
[[noreturn]] void serve_hop(int listener, int hop_fd, const sockaddr_in& origin) {
  Kernel kernel;
  Hop hop(kernel, hop_fd);
  if (listener != 0) kernel.accept(listener);
  std::array<std::uint32_t, kDescriptors> numbers{};  // of a descriptor, the other node's name for it
  const auto deliver = [&](const Record& record) {
    auto fd = static_cast<std::size_t>(record.connection);
    if (listener == 0) {
      int& server = others[fd];
      if (server == 0) {
        server = reach(origin, true);
        numbers[static_cast<std::size_t>(server)] = record.connection;
        kernel.receive(server);
      }
      fd = static_cast<std::size_t>(server);
    }
    on_the_way[fd] = record;
    kernel.send(static_cast<int>(fd), on_the_way[fd].message.data(), record.message.size(), Hop::kNone);
  };
  for (;;) {
    kernel.turn([&](Kernel::Kind kind, int fd, unsigned buffer, int result) {
      const auto size = static_cast<std::size_t>(std::max(result, 0));
      if (kind == Kernel::kAccepted) {
        kernel.receive(prepare(result, true));
      } else if (kind == Kernel::kSent) {
        if (fd == hop.fd()) hop.sent();
      } else if (result > 0) {
        if (fd == hop.fd()) {
          hop.read(kernel.bytes(buffer), size, deliver);
        } else {
          hop.add(listener != 0 ? static_cast<std::uint32_t>(fd) : numbers[static_cast<std::size_t>(fd)],
                  kernel.bytes(buffer), size);
        }
        kernel.give_back(buffer);
      }
    });
    hop.flush();
  }
}

int accept_one(int port) {
  const int listener = listen_on(port);
  fcntl(listener, F_SETFL, 0);
  return prepare(accept(listener, nullptr, nullptr), false);
}

int listen_in(const char* path, const char* port) {
  enter(path);
  const int listener = listen_on(number(port));
  prepare(listener, true);
  return listener;
}

}  // namespace

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::string_view mode = count > 1 ? words[1] : "";
  if ((mode == "near" || mode == "epoll") && count == 7) {
    const int listener = listen_in(words[2], words[3]);
    enter(words[4]);
    const auto origin = address_of(words[5], number(words[6]));
    mode == "near" ? serve_near(listener, origin) : serve_by_epoll(listener, origin);
  }
  if (mode == "out" && count == 6) {
    const int hop = reach(address_of(words[4], number(words[5])), false);
    serve_hop(listen_in(words[2], words[3]), hop, {});
  }
  if (mode == "in" && count == 6) {
    const int hop = accept_one(number(words[2]));
    enter(words[3]);
    serve_hop(0, hop, address_of(words[4], number(words[5])));
  }
  std::fputs("usage: bench_floor near|epoll|out|in ...; see the head of its source\n", stderr);
  return 2;
}
