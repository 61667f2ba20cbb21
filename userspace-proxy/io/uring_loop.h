// UringBackend: the loop and its operations (uring_backend.cpp, uring_operations.cpp). Vendor header:
// included only by uring_*.cpp.
#pragma once

#include <liburing.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "io/backend.h"
#include "io/uring_backend.h"
#include "io/uring_buffers.h"
#include "io/uring_probe.h"
#include "io/uring_table.h"

namespace sluice::io {

// What a completion's low bits say; Operations are aligned to eight bytes.
enum UringTag : std::uint64_t { kPlain, kAccept, kSmall, kLarge, kHeap, kSend, kWake, kIgnored };
inline constexpr std::uint64_t kTagMask = 7;

// What the kernel reads of a send or connect until it is done.
struct WriteRecord {
  msghdr header{};
  std::array<iovec, kMaxSendParts> parts{};
  sockaddr_storage address{};
};

struct UringEvent {
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
  bool connection_waits(SocketHandle listener) const override;
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
  bool offer_more(BufferClass buffers) override;
  void trim() override;

 private:
  Outcome<> restrict();
  void open_table();
  io_uring_sqe& next_sqe();
  io_uring_sqe& start_op(Operation& op, std::uint64_t tag);
  static void target(io_uring_sqe& sqe, SocketHandle socket);
  void arm_wake();
  void collect(std::vector<UringEvent>& into);
  void dispatch(const UringEvent& event);
  void note_small(const Operation& op);
  void finish_receive(Operation& op, UringBuffers& buffers, const UringEvent& event);
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
  std::vector<UringEvent> events_;  // being dispatched
  std::vector<UringEvent> early_;   // for the next turn: taken off a full queue, or never in it
  std::unordered_map<Operation*, Chunk> heap_receives_;
  std::vector<std::unique_ptr<WriteRecord>> free_records_;
  MonoTime yielded_{};
  bool bulk_ = false;                      // since the last turn a large buffer was filled
  const Operation* last_small_ = nullptr;  // of whom the last small message came; only compared
  unsigned sparing_turns_ = 0;             // to come, because several had small messages
  BackendStats stats_;
};

}  // namespace sluice::io
