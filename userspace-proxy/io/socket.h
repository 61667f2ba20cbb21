// Socket and Listener: TCP sockets of one ring. A Socket may have one reader and any number of writers at a
// time; writes are queued, joined into few system calls and sent in order. Destroying a Socket closes it in
// order (FIN, or RST when bytes were left unread) after cancelling what the kernel still holds; no coroutine
// may wait on it then.
//
// Receiving is multishot into provided buffers: it is armed by the first recv() and goes on by itself until
// the reader is kReceiveHigh behind, then it stops and TCP pushes back; it is armed again below kReceiveLow.
//
// Errors are Error{reason, origin, errno, step}. The reason is guessed from the errno and the side of the
// socket (accepted: downstream, others: upstream); callers that know better look at sys_errno. ECANCELED: the
// scope was cancelled, and the socket is fit for further use unless a send was cut. After cancel() it is only
// fit for closing.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "base/address.h"
#include "base/result.h"
#include "io/buffer.h"
#include "io/socket_state.h"

namespace sluice::io {

// reason and origin for an errno of a socket whose far end is on `side`.
Error socket_error(int sys_errno, Origin side, const char* step);

class Socket {
 public:
  Socket() = default;
  explicit Socket(SocketState* state) : state_(state) {}
  Socket(Socket&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      close();
      state_ = std::exchange(other.state_, nullptr);
    }
    return *this;
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { close(); }

  bool valid() const { return state_ != nullptr; }
  Ring& ring() const { return state_->ring(); }

  // co_await -> Result<Chunk>; an empty chunk is the end of the stream.
  ReceiveAwaiter recv() { return ReceiveAwaiter(*state_); }
  // co_await -> Result<>; all bytes or an error. `bytes` (and `parts`, at most kMaxSendParts) stay valid
  // until then.
  SendAwaiter send(std::span<const std::byte> bytes) { return SendAwaiter(*state_, bytes); }
  SendAwaiter send(std::span<const std::span<const std::byte>> parts) { return SendAwaiter(*state_, parts); }
  // co_await -> Result<>
  ConnectAwaiter connect(const SocketAddr& to) { return ConnectAwaiter(*state_, to); }
  // co_await -> Result<>; sends FIN after everything written so far.
  ShutdownAwaiter shutdown_write() { return ShutdownAwaiter(*state_); }

  Result<> bind(const SocketAddr& at) { return state_->bind(at); }
  SocketAddr local_address() const { return state_->local_address(); }
  SocketAddr peer_address() const { return state_->peer_address(); }
  // -1 when the socket lives in the ring's own file table or in a simulation.
  int descriptor() const { return state_->descriptor(); }
  void set_side(Origin side) { state_->set_side(side); }

  // Every wait on this socket, now and later, ends with `why`. For timeouts and policy.
  void cancel(Error why = Error{Reason::internal_error, Origin::internal, ECANCELED, "cancel"}) {
    state_->cancel(why);
  }
  void close() {
    if (state_ != nullptr) std::exchange(state_, nullptr)->release(false);
  }
  // RST to the far end (SO_LINGER 0), whatever is still queued.
  void close_with_reset() {
    if (state_ != nullptr) std::exchange(state_, nullptr)->release(true);
  }

 private:
  friend class Deadline;
  SocketState* state_ = nullptr;
};

class Listener {
 public:
  Listener() = default;
  explicit Listener(SocketState* state) : state_(state) {}
  Listener(Listener&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Listener& operator=(Listener&& other) noexcept {
    if (this != &other) {
      close();
      state_ = std::exchange(other.state_, nullptr);
    }
    return *this;
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { close(); }

  bool valid() const { return state_ != nullptr; }
  // co_await -> Result<Socket>. On an error other than ECANCELED (no descriptors left: EMFILE, ENFILE,
  // ENOMEM) wait a while and call again. Connections accepted ahead of the caller (at most kAcceptAhead) are
  // reset when it dies.
  AcceptAwaiter accept() { return AcceptAwaiter(*state_); }
  SocketAddr local_address() const { return state_->local_address(); }
  void cancel() { state_->cancel(Error{Reason::drained, Origin::internal, ECANCELED, "accept"}); }
  // Takes no further connection from the kernel than those that wait now; accept() hands out what was taken,
  // then fails with ECANCELED. Others that wait at the same listener get all that come later.
  void stop() { state_->stop_accepting(); }
  void close() {
    if (state_ != nullptr) std::exchange(state_, nullptr)->release(false);
  }

 private:
  SocketState* state_ = nullptr;
};

inline Result<Socket> AcceptAwaiter::await_resume() {
  auto accepted = take();
  if (!accepted) return std::unexpected(accepted.error());
  return Socket(*accepted);
}

}  // namespace sluice::io
