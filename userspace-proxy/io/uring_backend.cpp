#include "io/uring_backend.h"

#include <liburing.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <unordered_map>

#include "io/socket_state.h"
#include "io/tcp_socket.h"
#include "io/uring_buffers.h"
#include "io/uring_probe.h"
#include "io/uring_table.h"

namespace sluice::io {
namespace {

// What a completion's low bits say; Operations are aligned to eight bytes.
enum Tag : std::uint64_t { kPlain, kAccept, kSmall, kLarge, kHeap, kSend, kWake, kIgnored };
constexpr std::uint64_t kTagMask = 7;
constexpr unsigned kReceiveBudget = kReceiveHigh;
constexpr std::size_t kBatch = 1024;  // completions taken off the queue at a time

// io_uring_register(2), for the calls that liburing 2.3 declares without exporting them. 0 or a positive errno.
int register_with(const io_uring& ring, unsigned operation, const void* argument, unsigned count) {
  return ::syscall(SYS_io_uring_register, ring.ring_fd, operation, argument, count) < 0 ? errno : 0;
}

// What the kernel reads of a send or connect until it is done.
struct WriteRecord {
  msghdr header{};
  std::array<iovec, kMaxSendParts> parts{};
  sockaddr_storage address{};
};

struct Event {
  std::uint64_t data;
  int result;
  unsigned flags;
};

class UringBackend final : public Backend {
 public:
  UringBackend(UringOptions options, UringFeatures found) : options_(options), found_(std::move(found)) {}
  ~UringBackend() override;
  Outcome<> open();

  Outcome<> start() override;
  MonoTime now() const override { return SystemClock().now(); }
  bool turn(MonoTime deadline) override;
  void wake() noexcept override;

  void accept(Operation& op, SocketHandle listener) override;
  void receive(Operation& op, SocketHandle socket, BufferClass buffers) override;
  void receive_heap(Operation& op, SocketHandle socket) override;
  void send(Operation& op, SocketHandle socket, std::span<const std::span<const std::byte>> parts) override;
  void connect(Operation& op, SocketHandle socket, const SocketAddr& to) override;
  void shutdown_write(Operation& op, SocketHandle socket) override;
  void cancel(Operation& op) override;
  void cancel_all(SocketHandle socket) override;
  void close(SocketHandle socket, bool reset) override;

  SocketHandle adopt(Fd socket) override;
  SocketHandle settle(SocketHandle connected) override;
  Result<SocketHandle> make_listener(const SocketAddr& at, int backlog) override;
  Result<SocketHandle> make_socket(const SocketAddr& towards) override;
  Result<> bind(SocketHandle socket, const SocketAddr& at) override;
  SocketAddr local_address(SocketHandle socket) const override;
  SocketAddr peer_address(SocketHandle socket) const override;
  int descriptor(SocketHandle socket) const override { return socket.direct ? -1 : socket.number; }

  const std::vector<Feature>& features() const override { return found_.report; }
  BackendStats stats() const override;

 private:
  Outcome<> restrict();
  void open_table();
  io_uring_sqe& next_sqe();
  io_uring_sqe& start_op(Operation& op, std::uint64_t tag);
  static void target(io_uring_sqe& sqe, SocketHandle socket);
  void arm_wake();
  void collect(std::vector<Event>& into);
  void dispatch(const Event& event);
  void finish_receive(Operation& op, UringBuffers& buffers, const Event& event);
  WriteRecord& record(Operation& op);

  UringOptions options_;
  UringFeatures found_;
  io_uring ring_{};
  bool open_ = false;
  UringBuffers small_;
  UringBuffers large_;
  UringTable table_;
  Fd wake_fd_;
  std::uint64_t wake_count_ = 0;  // what the pending read of wake_fd_ fills
  std::atomic<bool> wake_pending_ = false;
  std::vector<Event> events_;  // being dispatched
  std::vector<Event> early_;   // taken off the queue to make room while it was full
  std::unordered_map<Operation*, Chunk> heap_receives_;
  std::vector<std::unique_ptr<WriteRecord>> free_records_;
  BackendStats stats_;
};

UringBackend::~UringBackend() {
  if (!open_) return;
  io_uring_submit(&ring_);  // the last closes
  io_uring_queue_exit(&ring_);
}

Outcome<> UringBackend::open() {
  io_uring_params params{};
  params.flags = found_.setup_flags | IORING_SETUP_R_DISABLED;
  params.cq_entries = options_.completions;
  if (const int error = io_uring_queue_init_params(options_.submissions, &ring_, &params); error != 0) {
    return fault_errno("cannot create the worker's io_uring", -error, "raise the locked-memory limit (LimitMEMLOCK)");
  }
  open_ = true;
  if (found_.provided_buffers) {
    int error = small_.open(ring_, 0, options_.small_buffers, kSmallBuffer);
    if (error == 0) error = large_.open(ring_, 1, options_.large_buffers, kLargeBuffer);
    if (error != 0) return fault_errno("cannot provide receive buffers", error, "raise the locked-memory limit");
  }
  if (found_.direct_sockets) open_table();
  wake_fd_ = Fd(::eventfd(0, EFD_CLOEXEC));
  if (!wake_fd_) return fault_errno("cannot create an eventfd", errno, "raise the descriptor limit (LimitNOFILE)");
  if (options_.restrict) return restrict();
  found_.report.push_back({"restrictions", "off", "switched off"});
  return {};
}

void UringBackend::open_table() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto slots = static_cast<unsigned>(std::min<rlim_t>(options_.direct_sockets, limit.rlim_cur));
  if (const int error = io_uring_register_files_sparse(&ring_, slots); error == 0) {
    table_.open(slots);
  } else {
    for (Feature& feature : found_.report) {
      if (feature.feature != "connected sockets") continue;
      feature.mode = "descriptors";
      feature.why = fault_errno("file table", -error).error().message;
    }
  }
}

Outcome<> UringBackend::restrict() {
  constexpr std::array kAllowed = {
      IORING_OP_ACCEPT, IORING_OP_RECV, IORING_OP_SEND,         IORING_OP_SENDMSG,  IORING_OP_CONNECT,
      IORING_OP_CLOSE,  IORING_OP_READ, IORING_OP_ASYNC_CANCEL, IORING_OP_SHUTDOWN, IORING_OP_FILES_UPDATE,
  };
  std::array<io_uring_restriction, kAllowed.size() + 2> rules{};
  std::size_t count = 0;
  for (const auto operation : kAllowed) {
    rules[count].opcode = IORING_RESTRICTION_SQE_OP;
    rules[count++].sqe_op = static_cast<std::uint8_t>(operation);
  }
  rules[count].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
  rules[count++].sqe_flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS;
  // Giving the registered ring descriptor back, so that a ring can end before its thread.
  rules[count].opcode = IORING_RESTRICTION_REGISTER_OP;
  rules[count++].register_op = IORING_UNREGISTER_RING_FDS;
  const int error = register_with(ring_, IORING_REGISTER_RESTRICTIONS, rules.data(), static_cast<unsigned>(count));
  if (error != 0) return fault_errno("cannot restrict the io_uring", error, "Sluice needs Linux 6.1 or newer");
  found_.report.push_back({"restrictions", "on", ""});
  return {};
}

Outcome<> UringBackend::start() {
  const bool registered = io_uring_register_ring_fd(&ring_) == 1;
  found_.report.push_back({"ring descriptor", registered ? "registered" : "plain",
                           registered ? "" : "this thread's table of registered rings is full"});
  if (const int error = register_with(ring_, IORING_REGISTER_ENABLE_RINGS, nullptr, 0); error != 0) {
    return fault_errno("cannot enable the io_uring", error, "a ring belongs to the thread that runs it first");
  }
  arm_wake();
  return {};
}

// ---- the loop

io_uring_sqe& UringBackend::next_sqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    // More than a queue full in one turn. EBUSY: the kernel wants its completions taken first.
    if (io_uring_submit(&ring_) == -EBUSY) collect(early_);
    sqe = io_uring_get_sqe(&ring_);
  }
  ++stats_.submitted;
  return *sqe;
}

io_uring_sqe& UringBackend::start_op(Operation& op, std::uint64_t tag) {
  op.started();
  op.backend_tag = reinterpret_cast<std::uintptr_t>(&op) | tag;
  return next_sqe();
}

void UringBackend::target(io_uring_sqe& sqe, SocketHandle socket) {
  if (socket.direct) sqe.flags |= IOSQE_FIXED_FILE;
}

void UringBackend::arm_wake() {
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_read(&sqe, wake_fd_.get(), &wake_count_, sizeof(wake_count_), 0);
  io_uring_sqe_set_data64(&sqe, kWake);
}

void UringBackend::wake() noexcept {
  if (wake_pending_.exchange(true)) return;
  const std::uint64_t one = 1;
  // Cannot fail: the counter is far from full, because one write is pending at most.
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_.get(), &one, sizeof(one));
}

void UringBackend::collect(std::vector<Event>& into) {
  unsigned head = 0;
  unsigned count = 0;
  io_uring_cqe* cqe = nullptr;
  io_uring_for_each_cqe(&ring_, head, cqe) {
    into.push_back({cqe->user_data, cqe->res, cqe->flags});
    if (++count == kBatch) break;
  }
  io_uring_cq_advance(&ring_, count);
}

bool UringBackend::turn(MonoTime deadline) {
  ++stats_.turns;
  small_.publish();
  large_.publish();
  events_.clear();
  std::swap(events_, early_);
  const MonoTime time = now();
  if (!events_.empty() || deadline <= time) {
    io_uring_submit_and_get_events(&ring_);
  } else {
    constexpr Nanos kLongest = std::chrono::hours(1);
    const Nanos wait = deadline - time > kLongest ? kLongest : deadline - time;
    __kernel_timespec limit{.tv_sec = wait.count() / 1'000'000'000, .tv_nsec = wait.count() % 1'000'000'000};
    io_uring_cqe* cqe = nullptr;
    io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &limit, nullptr);  // ETIME and EINTR: nothing to collect
  }
  if (io_uring_cq_has_overflow(&ring_) != 0) ++stats_.overflows;
  collect(events_);
  for (const Event& event : events_) dispatch(event);
  return true;
}

void UringBackend::finish_receive(Operation& op, UringBuffers& buffers, const Event& event) {
  Completion completion{.result = event.result, .more = (event.flags & IORING_CQE_F_MORE) != 0};
  if ((event.flags & IORING_CQE_F_BUFFER) != 0) {
    const unsigned buffer = event.flags >> IORING_CQE_BUFFER_SHIFT;
    completion.chunk = buffers.take(buffer, event.result > 0 ? static_cast<std::size_t>(event.result) : 0);
  }
  if (event.result == -ENOBUFS) ++stats_.no_buffers;
  op.finish(std::move(completion));
}

void UringBackend::dispatch(const Event& event) {
  ++stats_.completions;
  const std::uint64_t tag = event.data & kTagMask;
  auto* op = reinterpret_cast<Operation*>(event.data & ~kTagMask);  // NOLINT: what start_op() made of it
  Completion completion{.result = event.result, .more = (event.flags & IORING_CQE_F_MORE) != 0};
  switch (tag) {
    case kAccept:
      if (event.result >= 0) completion.socket = {.number = event.result};
      return op->finish(std::move(completion));
    case kSmall:
      return finish_receive(*op, small_, event);
    case kLarge:
      return finish_receive(*op, large_, event);
    case kHeap: {
      auto held = heap_receives_.extract(op);
      if (event.result > 0) {
        completion.chunk = std::move(held.mapped());
        completion.chunk.prefix(static_cast<std::size_t>(event.result));
      }
      return op->finish(std::move(completion));
    }
    case kSend:
      if (op->backend_data != nullptr) {
        free_records_.emplace_back(static_cast<WriteRecord*>(op->backend_data));
        op->backend_data = nullptr;
      }
      return op->finish(std::move(completion));
    case kWake:
      wake_pending_.store(false);
      return arm_wake();
    case kPlain:
      return op->finish(std::move(completion));
    default:  // kIgnored: a cancellation that found nothing, a close
      return;
  }
}

BackendStats UringBackend::stats() const {
  BackendStats stats = stats_;
  stats.small_in_use = small_.in_use();
  stats.large_in_use = large_.in_use();
  return stats;
}

// ---- operations

void UringBackend::accept(Operation& op, SocketHandle listener) {
  io_uring_sqe& sqe = start_op(op, kAccept);
  if (found_.multishot_accept) {
    io_uring_prep_multishot_accept(&sqe, listener.number, nullptr, nullptr, SOCK_CLOEXEC);
  } else {
    io_uring_prep_accept(&sqe, listener.number, nullptr, nullptr, SOCK_CLOEXEC);
  }
  io_uring_sqe_set_data64(&sqe, op.backend_tag);
}

void UringBackend::receive(Operation& op, SocketHandle socket, BufferClass buffers) {
  if (!found_.provided_buffers) return receive_heap(op, socket);
  const bool large = buffers == BufferClass::large;
  io_uring_sqe& sqe = start_op(op, large ? kLarge : kSmall);
  if (found_.multishot_receive) {
    io_uring_prep_recv_multishot(&sqe, socket.number, nullptr, 0, 0);
    if (found_.receive_budget) set_receive_budget(sqe, kReceiveBudget);
  } else {
    io_uring_prep_recv(&sqe, socket.number, nullptr, 0, 0);
  }
  sqe.flags |= IOSQE_BUFFER_SELECT;
  sqe.buf_group = large ? large_.group() : small_.group();
  target(sqe, socket);
  io_uring_sqe_set_data64(&sqe, op.backend_tag);
}

void UringBackend::receive_heap(Operation& op, SocketHandle socket) {
  io_uring_sqe& sqe = start_op(op, kHeap);
  Chunk& chunk = heap_receives_[&op] = Chunk::heap(kSmallBuffer);
  io_uring_prep_recv(&sqe, socket.number, chunk.writable().data(), chunk.size(), 0);
  target(sqe, socket);
  io_uring_sqe_set_data64(&sqe, op.backend_tag);
}

WriteRecord& UringBackend::record(Operation& op) {
  if (free_records_.empty()) free_records_.push_back(std::make_unique<WriteRecord>());
  WriteRecord* taken = free_records_.back().release();
  free_records_.pop_back();
  op.backend_data = taken;
  return *taken;
}

void UringBackend::send(Operation& op, SocketHandle socket, std::span<const std::span<const std::byte>> parts) {
  io_uring_sqe& sqe = start_op(op, kSend);
  constexpr int kFlags = MSG_NOSIGNAL | MSG_WAITALL;
  if (parts.size() == 1) {
    io_uring_prep_send(&sqe, socket.number, parts[0].data(), parts[0].size(), kFlags);
  } else {
    WriteRecord& held = record(op);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      held.parts[i] = {const_cast<std::byte*>(parts[i].data()), parts[i].size()};  // NOLINT: iovec knows no const
    }
    held.header = {};
    held.header.msg_iov = held.parts.data();
    held.header.msg_iovlen = parts.size();
    io_uring_prep_sendmsg(&sqe, socket.number, &held.header, kFlags);
  }
  target(sqe, socket);
  io_uring_sqe_set_data64(&sqe, op.backend_tag);
}

void UringBackend::connect(Operation& op, SocketHandle socket, const SocketAddr& to) {
  WriteRecord& held = record(op);
  unsigned length = to.to(held.address, family_of_socket(socket.number));
  if (length == 0) {  // IPv6 by an IPv4 socket: the kernel's own refusal
    held.address.ss_family = AF_INET6;
    length = sizeof(sockaddr_in6);
  }
  io_uring_sqe& sqe = start_op(op, kSend);
  io_uring_prep_connect(&sqe, socket.number, reinterpret_cast<sockaddr*>(&held.address), length);
  io_uring_sqe_set_data64(&sqe, op.backend_tag);
}

void UringBackend::shutdown_write(Operation& op, SocketHandle socket) {
  io_uring_sqe& sqe = start_op(op, kPlain);
  io_uring_prep_shutdown(&sqe, socket.number, SHUT_WR);
  target(sqe, socket);
  io_uring_sqe_set_data64(&sqe, op.backend_tag);
}

void UringBackend::cancel(Operation& op) {
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_cancel64(&sqe, op.backend_tag, 0);
  sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(&sqe, kIgnored);
}

void UringBackend::cancel_all(SocketHandle socket) {
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_cancel_fd(&sqe, socket.number,
                          IORING_ASYNC_CANCEL_ALL | (socket.direct ? IORING_ASYNC_CANCEL_FD_FIXED : 0U));
  sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(&sqe, kIgnored);
}

void UringBackend::close(SocketHandle socket, bool reset) {
  if (socket.direct && reset) {
    // Dissolving the association sends the RST; there is no descriptor to set SO_LINGER on.
    static const sockaddr kNowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
    io_uring_sqe& sqe = next_sqe();
    io_uring_prep_connect(&sqe, socket.number, &kNowhere, sizeof(kNowhere));
    sqe.flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(&sqe, kIgnored);
  } else if (reset) {
    reset_on_close(socket.number);
  }
  io_uring_sqe& sqe = next_sqe();
  if (socket.direct) {
    io_uring_prep_close_direct(&sqe, static_cast<unsigned>(socket.number));
    table_.release(socket.number);
  } else {
    io_uring_prep_close(&sqe, socket.number);
  }
  sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(&sqe, kIgnored);
}

// ---- sockets

SocketHandle UringBackend::adopt(Fd socket) {
  send_without_delay(socket.get());
  return {.number = socket.release()};
}

SocketHandle UringBackend::settle(SocketHandle connected) {
  if (connected.direct || !table_.has_room()) return connected;
  const int fd = connected.number;
  const UringTable::Slot slot = table_.take(fd, address_of_socket(fd), address_of_peer(fd));
  io_uring_sqe& update = next_sqe();
  io_uring_prep_files_update(&update, slot.descriptor, 1, slot.number);
  update.flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(&update, kIgnored);
  close(connected, false);  // the table has its own hold on the socket; operations run in order
  return {.number = slot.number, .direct = true};
}

Result<SocketHandle> UringBackend::make_listener(const SocketAddr& at, int backlog) {
  auto fd = open_listener(at, backlog);
  if (!fd) return std::unexpected(fd.error());
  return adopt(std::move(*fd));
}

Result<SocketHandle> UringBackend::make_socket(const SocketAddr& towards) {
  auto fd = open_tcp_socket(towards);
  if (!fd) return std::unexpected(fd.error());
  return adopt(std::move(*fd));
}

Result<> UringBackend::bind(SocketHandle socket, const SocketAddr& at) { return bind_socket(socket.number, at); }

SocketAddr UringBackend::local_address(SocketHandle socket) const {
  return socket.direct ? table_.local(socket.number) : address_of_socket(socket.number);
}

SocketAddr UringBackend::peer_address(SocketHandle socket) const {
  return socket.direct ? table_.peer(socket.number) : address_of_peer(socket.number);
}

}  // namespace

Outcome<std::unique_ptr<Backend>> make_uring_backend(const UringOptions& options) {
  auto found = probe_uring(options);
  if (!found) return std::unexpected(found.error());
  auto backend = std::make_unique<UringBackend>(options, std::move(*found));
  if (auto opened = backend->open(); !opened) return std::unexpected(opened.error());
  return backend;
}

}  // namespace sluice::io
