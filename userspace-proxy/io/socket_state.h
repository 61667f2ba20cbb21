// What lies behind a Socket or Listener, owned by itself: it outlives the handle until the kernel has
// returned the last operation, then closes the descriptor and deletes itself. Users see only socket.h.
#pragma once

#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "io/backend.h"
#include "io/ring.h"
#include "io/waiter.h"

namespace sluice::io {

inline constexpr std::size_t kReceiveHigh = 1024 * 1024;  // bytes of buffers held for a reader that is behind
inline constexpr std::size_t kReceiveLow = 512 * 1024;
inline constexpr std::size_t kPromoteAfter =
    128 * 1024;  // bytes received in small buffers before large ones are used
inline constexpr Nanos kDemoteAfterIdle = Millis(1000);
inline constexpr std::size_t kAcceptAhead = 256;

class ReceiveAwaiter;
class AcceptAwaiter;
class WriteRequest;

class SocketState {
 public:
  // `side`: where the far end is, for errors.
  SocketState(Ring& ring, SocketHandle handle, Origin side, bool listening);
  SocketState(const SocketState&) = delete;
  SocketState& operator=(const SocketState&) = delete;

  Ring& ring() const { return ring_; }
  Result<> bind(const SocketAddr& at) { return ring_.backend().bind(handle_, at); }
  SocketAddr local_address() const { return ring_.backend().local_address(handle_); }
  SocketAddr peer_address() const { return ring_.backend().peer_address(handle_); }
  int descriptor() const { return ring_.backend().descriptor(handle_); }
  void set_side(Origin side) { side_ = side; }
  Origin side() const { return side_; }

  void cancel(Error why);
  void stop_accepting();
  // The handle is gone. Precondition: nobody waits.
  void release(bool reset);

 private:
  friend class ReceiveAwaiter;
  friend class AcceptAwaiter;
  friend class WriteRequest;

  // The reading half (accepts on a listener), and the writing half (sends, connect, shutdown, one at a time).
  class ReadOperation final : public Operation {
   public:
    explicit ReadOperation(SocketState& state) : state_(state) {}

   private:
    void complete(Completion completion) override;
    SocketState& state_;
  };
  class WriteOperation final : public Operation {
   public:
    explicit WriteOperation(SocketState& state) : state_(state) {}

   private:
    void complete(Completion completion) override { state_.written(completion.result); }
    SocketState& state_;
  };

  ~SocketState() = default;
  void destroy_if_idle();

  // Reading
  void arm_receive();
  void received(Completion completion);
  void receive_ended(int result);
  void choose_buffers(std::size_t size);
  bool readable() const { return next_chunk_ < chunks_.size() || ended_ || read_errno_ != 0 || cancelled(); }
  Result<Chunk> take_chunk();
  void wake_reader();

  // Accepting
  void arm_accept();
  void take_what_waits();
  void accepted(Completion completion);
  bool stopped() const { return stopping_ && !read_op_.in_flight(); }
  bool acceptable() const { return !accepted_.empty() || read_errno_ != 0 || cancelled() || stopped(); }

  // Writing
  void enqueue(WriteRequest& request);
  void dequeue(WriteRequest& request);
  void start_write();
  void written(int result);
  void fail_writes(Error error);

  bool cancelled() const { return cancel_error_.sys_errno != 0; }
  Error error(int sys_errno, const char* step) const;

  Ring& ring_;
  SocketHandle handle_;
  Origin side_;
  bool listening_;
  bool released_ = false;
  bool reset_ = false;
  Error cancel_error_;

  ReadOperation read_op_{*this};
  Waiter* reader_ = nullptr;
  std::vector<Chunk> chunks_;
  std::size_t next_chunk_ = 0;
  std::size_t held_ = 0;  // bytes of buffers in chunks_
  std::size_t received_since_promotion_ = 0;
  MonoTime last_receive_;
  int read_errno_ = 0;
  BufferClass buffers_ = BufferClass::small;
  std::uint8_t small_reads_ = 0;
  bool ended_ = false;        // the far end has sent FIN
  bool read_paused_ = false;  // the operation is being cancelled by us: back-pressure or another buffer class
  bool starved_ = false;      // the pool was empty: one receive into the heap
  bool stopping_ = false;     // no further connection is accepted

  std::vector<SocketHandle> accepted_;

  WriteOperation write_op_{*this};
  WriteRequest* write_head_ = nullptr;
  WriteRequest* write_tail_ = nullptr;
};

class [[nodiscard]] ReceiveAwaiter final : public Waiter {
 public:
  explicit ReceiveAwaiter(SocketState& state) : state_(state) {}
  bool await_ready() const { return state_.readable(); }
  template <typename P>
  bool await_suspend(std::coroutine_handle<P> frame) {
    if (!suspend(frame)) return !(cancelled_ = true);
    begin();
    return true;
  }
  Result<Chunk> await_resume();

 private:
  void begin();
  void on_cancel() override;
  SocketState& state_;
  bool cancelled_ = false;
};

class Socket;

class [[nodiscard]] AcceptAwaiter final : public Waiter {
 public:
  explicit AcceptAwaiter(SocketState& state) : state_(state) {}
  bool await_ready() const { return state_.acceptable(); }
  template <typename P>
  bool await_suspend(std::coroutine_handle<P> frame) {
    if (!suspend(frame)) return !(cancelled_ = true);
    begin();
    return true;
  }
  Result<Socket> await_resume();

 private:
  void begin();
  Result<SocketState*> take();
  void on_cancel() override;
  SocketState& state_;
  bool cancelled_ = false;
};

// One entry of a socket's write queue.
class WriteRequest : public Waiter {
 public:
  bool await_ready() const { return false; }
  template <typename P>
  bool await_suspend(std::coroutine_handle<P> frame) {
    if (!suspend(frame)) {
      error_.sys_errno = ECANCELED;
      return false;
    }
    begin();
    return true;
  }
  Result<> await_resume() const;

 protected:
  enum class Kind : std::uint8_t { send, connect, shutdown };
  WriteRequest(SocketState& state, Kind kind) : state_(state), kind_(kind) {}
  ~WriteRequest() = default;

  // A send's bytes: one part, or `parts_` when it was given several.
  std::span<const std::byte> part_;
  std::span<const std::span<const std::byte>> parts_;
  SocketAddr to_;

 private:
  friend class SocketState;
  void begin();
  void on_cancel() override;
  const char* step() const;

  SocketState& state_;
  WriteRequest* next_ = nullptr;
  std::size_t sent_ = 0;
  Error error_;  // sys_errno != 0: failed
  Kind kind_;
  bool handed_over_ = false;  // part of the operation in flight
};

class [[nodiscard]] SendAwaiter final : public WriteRequest {
 public:
  SendAwaiter(SocketState& state, std::span<const std::byte> bytes) : WriteRequest(state, Kind::send) {
    part_ = bytes;
  }
  SendAwaiter(SocketState& state, std::span<const std::span<const std::byte>> parts)
      : WriteRequest(state, Kind::send) {
    parts_ = parts;
  }
};

class [[nodiscard]] ConnectAwaiter final : public WriteRequest {
 public:
  ConnectAwaiter(SocketState& state, const SocketAddr& to) : WriteRequest(state, Kind::connect) { to_ = to; }
};

class [[nodiscard]] ShutdownAwaiter final : public WriteRequest {
 public:
  explicit ShutdownAwaiter(SocketState& state) : WriteRequest(state, Kind::shutdown) {}
};

}  // namespace sluice::io
