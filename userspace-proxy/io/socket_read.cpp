// The reading half of a socket, and accepting.
#include <cerrno>
#include <utility>

#include "io/socket.h"

namespace sluice::io {

namespace {

constexpr std::uint8_t kSmallReadsToDemote = 32;

}  // namespace

void SocketState::ReadOperation::complete(Completion completion) {
  if (state_.listening_) {
    state_.accepted(std::move(completion));
  } else {
    state_.received(std::move(completion));
  }
}

// ---- receiving

void SocketState::arm_receive() {
  if (read_op_.in_flight() || ended_ || read_errno_ != 0 || cancelled() || released_) return;
  if (held_ >= kReceiveHigh) return;
  read_paused_ = false;
  if (std::exchange(starved_, false)) {
    ring_.backend().receive_heap(read_op_, handle_);
    return;
  }
  if (buffers_ == BufferClass::large && ring_.now() - last_receive_ > kDemoteAfterIdle)
    buffers_ = BufferClass::small;
  ring_.backend().receive(read_op_, handle_, buffers_);
}

void SocketState::received(Completion completion) {
  if (completion.result > 0 && !released_) {
    choose_buffers(completion.chunk.size());
    held_ += completion.chunk.capacity();
    chunks_.push_back(std::move(completion.chunk));
    if (held_ >= kReceiveHigh && read_op_.in_flight() && !std::exchange(read_paused_, true)) {
      ring_.backend().cancel(read_op_);
    }
  }
  if (!completion.more) receive_ended(completion.result);
  if (released_) {
    destroy_if_idle();
  } else {
    wake_reader();
  }
}

void SocketState::receive_ended(int result) {
  if (released_) return;
  if (result == 0) {
    ended_ = true;
  } else if (result == -ENOBUFS) {
    if (held_ > 0) return;  // it took what was there, and goes on when its reader has used that up
    starved_ = !ring_.backend().offer_more(buffers_);
    read_paused_ = true;
  } else if (result == -ECANCELED) {
    // Ours: cancel() has told everybody, and a pause is told to nobody. A stray one just ends the operation.
  } else if (result < 0 && result != -EINTR && result != -EAGAIN) {
    read_errno_ = -result;
  }
  // Armed again at once if there is room: a reader that pauses longer than that finds its data in the kernel.
  if (held_ < kReceiveHigh && (reader_ != nullptr || result > 0 || starved_ || read_paused_)) arm_receive();
}

// Bulk flows get large buffers, others small ones: what is held back for a slow reader is counted in buffers.
void SocketState::choose_buffers(std::size_t size) {
  const MonoTime now = ring_.now();
  const bool idle = now - last_receive_ > kDemoteAfterIdle;
  last_receive_ = now;
  const BufferClass before = buffers_;
  if (buffers_ == BufferClass::small) {
    received_since_promotion_ = idle ? size : received_since_promotion_ + size;
    if (received_since_promotion_ > kPromoteAfter) buffers_ = BufferClass::large;
    small_reads_ = 0;
  } else {
    small_reads_ = size <= kSmallBuffer ? static_cast<std::uint8_t>(small_reads_ + 1) : std::uint8_t{0};
    if (idle || small_reads_ >= kSmallReadsToDemote) buffers_ = BufferClass::small;
    received_since_promotion_ = 0;
  }
  if (buffers_ != before && read_op_.in_flight() && !std::exchange(read_paused_, true)) {
    ring_.backend().cancel(read_op_);
  }
}

Result<Chunk> SocketState::take_chunk() {
  if (cancelled()) return std::unexpected(cancel_error_);
  if (next_chunk_ < chunks_.size()) {
    Chunk chunk = std::move(chunks_[next_chunk_++]);
    held_ -= chunk.capacity();
    if (next_chunk_ == chunks_.size()) {
      constexpr std::size_t kKeep = 8;
      if (chunks_.capacity() > kKeep) std::vector<Chunk>().swap(chunks_);
      chunks_.clear();
      next_chunk_ = 0;
    }
    if (held_ <= kReceiveLow) arm_receive();
    return chunk;
  }
  if (read_errno_ != 0) return std::unexpected(error(read_errno_, "recv"));
  return Chunk();
}

void SocketState::wake_reader() {
  if (reader_ != nullptr && readable()) ring_.wake(*std::exchange(reader_, nullptr));
}

void ReceiveAwaiter::begin() {
  if (state_.reader_ != nullptr) std::abort();  // one reader at a time
  state_.reader_ = this;
  state_.arm_receive();
}

void ReceiveAwaiter::on_cancel() {
  cancelled_ = true;
  if (state_.reader_ == this) state_.reader_ = nullptr;
  state_.ring().wake(*this);
}

Result<Chunk> ReceiveAwaiter::await_resume() {
  if (cancelled_) return fail(Reason::internal_error, Origin::internal, "recv", ECANCELED);
  return state_.take_chunk();
}

// ---- accepting

void SocketState::arm_accept() {
  if (read_op_.in_flight() || cancelled() || released_ || stopping_ || accepted_.size() >= kAcceptAhead)
    return;
  read_paused_ = false;
  ring_.backend().accept(read_op_, handle_);
}

void SocketState::stop_accepting() {
  if (std::exchange(stopping_, true)) return;
  if (read_op_.in_flight())
    ring_.backend().cancel(read_op_);
  else
    take_what_waits();
  if (!read_op_.in_flight() && reader_ != nullptr) ring_.wake(*std::exchange(reader_, nullptr));
}

// The kernel wakes one of those that wait at a listener, of all processes. A connection that woke us while we
// were leaving is still in the queue, and nobody else was told of it: we take it.
void SocketState::take_what_waits() {
  if (read_op_.in_flight() || !ring_.backend().connection_waits(handle_)) return;
  ring_.backend().accept(read_op_, handle_);
  ring_.backend().cancel(read_op_);  // after it has taken what is there; then we look again
}

void SocketState::accepted(Completion completion) {
  if (completion.socket.valid()) {
    if (released_) {
      ring_.backend().close(completion.socket, true);
    } else {
      accepted_.push_back(completion.socket);
      if (accepted_.size() >= kAcceptAhead && read_op_.in_flight() && !std::exchange(read_paused_, true)) {
        ring_.backend().cancel(read_op_);
      }
    }
  } else if (completion.result < 0 && !released_) {
    // A client that gave up while queued is no concern of the acceptor.
    const bool harmless = completion.result == -ECANCELED || completion.result == -ECONNABORTED ||
                          completion.result == -EINTR || completion.result == -EAGAIN;
    if (!harmless) read_errno_ = -completion.result;
  }
  if (released_) {
    destroy_if_idle();
    return;
  }
  if (!completion.more && stopping_ && !cancelled() && read_errno_ == 0) take_what_waits();
  if (!completion.more && reader_ != nullptr && read_errno_ == 0) arm_accept();
  if (reader_ != nullptr && acceptable()) ring_.wake(*std::exchange(reader_, nullptr));
}

void AcceptAwaiter::begin() {
  if (state_.reader_ != nullptr) std::abort();  // one acceptor at a time
  state_.reader_ = this;
  state_.arm_accept();
}

void AcceptAwaiter::on_cancel() {
  cancelled_ = true;
  if (state_.reader_ == this) state_.reader_ = nullptr;
  state_.ring().wake(*this);
}

Result<SocketState*> AcceptAwaiter::take() {
  if (cancelled_) return fail(Reason::internal_error, Origin::internal, "accept", ECANCELED);
  if (state_.cancelled()) return std::unexpected(state_.cancel_error_);
  if (!state_.accepted_.empty()) {
    const SocketHandle handle = state_.ring().backend().settle(state_.accepted_.front());
    state_.accepted_.erase(state_.accepted_.begin());
    return new SocketState(state_.ring(), handle, Origin::downstream, false);
  }
  if (state_.read_errno_ == 0) return fail(Reason::drained, Origin::internal, "accept", ECANCELED);
  return std::unexpected(state_.error(std::exchange(state_.read_errno_, 0), "accept"));
}

}  // namespace sluice::io
