// The writing half of a socket: a queue of sends, connects and shutdowns, of which one operation is in the
// kernel's hands at a time. Sends that wait together travel together.
#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "io/socket.h"

namespace sluice::io {

void WriteRequest::begin() {
  state_.enqueue(*this);
}

const char* WriteRequest::step() const {
  switch (kind_) {
    case Kind::connect:
      return "connect";
    case Kind::shutdown:
      return "shutdown";
    default:
      return "send";
  }
}

void WriteRequest::on_cancel() {
  // In the kernel's hands: its bytes lie in this frame, so the frame waits for the operation's end.
  error_.sys_errno = ECANCELED;
  if (state_.write_op_.in_flight() && handed_over_) {
    state_.ring().backend().cancel(state_.write_op_);
    return;
  }
  state_.dequeue(*this);
  state_.ring().wake(*this);
}

Result<> WriteRequest::await_resume() const {
  if (error_.sys_errno == 0) return {};
  if (error_.sys_errno == ECANCELED && error_.step[0] == '\0') {
    return fail(Reason::internal_error, Origin::internal, step(), ECANCELED);
  }
  return std::unexpected(error_);
}

void SocketState::enqueue(WriteRequest& request) {
  request.next_ = nullptr;
  (write_tail_ != nullptr ? write_tail_->next_ : write_head_) = &request;
  write_tail_ = &request;
  if (cancelled()) {
    if (!write_op_.in_flight()) fail_writes(cancel_error_);
    return;
  }
  if (!write_op_.in_flight()) start_write();
}

void SocketState::dequeue(WriteRequest& request) {
  WriteRequest* before = nullptr;
  for (WriteRequest* at = write_head_; at != nullptr; before = std::exchange(at, at->next_)) {
    if (at != &request) continue;
    (before != nullptr ? before->next_ : write_head_) = request.next_;
    if (write_tail_ == &request) write_tail_ = before;
    return;
  }
}

void SocketState::start_write() {
  WriteRequest& first = *write_head_;
  Backend& backend = ring_.backend();
  first.handed_over_ = true;
  if (first.kind_ == WriteRequest::Kind::connect) return backend.connect(write_op_, handle_, first.to_);
  if (first.kind_ == WriteRequest::Kind::shutdown) return backend.shutdown_write(write_op_, handle_);
  if (first.next_ == nullptr && first.sent_ < first.part_.size()) {  // mostly
    const std::span<const std::byte> rest = first.part_.subspan(first.sent_);
    return backend.send(write_op_, handle_, std::span(&rest, 1));
  }

  std::array<std::span<const std::byte>, kMaxSendParts> parts;
  std::size_t count = 0;
  for (WriteRequest* at = write_head_; at != nullptr && at->kind_ == WriteRequest::Kind::send;
       at = at->next_) {
    const std::size_t wanted = at->parts_.empty() ? 1 : at->parts_.size();
    if (wanted > kMaxSendParts) std::abort();
    if (count + wanted > kMaxSendParts) break;
    std::size_t skip = at->sent_;
    for (const std::span<const std::byte> whole :
         at->parts_.empty() ? std::span(&at->part_, 1) : at->parts_) {
      const std::size_t skipped = std::min(skip, whole.size());
      skip -= skipped;
      if (skipped < whole.size()) parts[count++] = whole.subspan(skipped);
    }
    at->handed_over_ = true;
  }
  if (count == 0) {  // nothing but empty sends: done without the kernel
    written(0);
    return;
  }
  backend.send(write_op_, handle_, std::span(parts).first(count));
}

// Gives the result to the requests it covers, in order, and starts what comes next.
void SocketState::written(int result) {
  std::size_t left = result > 0 ? static_cast<std::size_t>(result) : 0;
  while (write_head_ != nullptr && write_head_->handed_over_) {
    WriteRequest& request = *write_head_;
    if (request.kind_ == WriteRequest::Kind::send && result >= 0) {
      std::size_t size = request.part_.size();
      for (const auto& part : request.parts_) size += part.size();
      const std::size_t taken = std::min(left, size - request.sent_);
      request.sent_ += taken;
      left -= taken;
      const bool cut = request.error_.sys_errno != 0;  // its scope was cancelled while it was on its way
      if (request.sent_ < size && !cut && !cancelled()) break;
      if (request.sent_ == size) request.error_.sys_errno = 0;
      if (request.sent_ < size && !cut) request.error_ = cancel_error_;
    } else if (result < 0) {
      if (result == -ECANCELED && !cancelled() && request.error_.sys_errno == 0)
        break;  // another's cancellation
      if (request.error_.sys_errno == 0) request.error_ = error(-result, request.step());
    } else {
      request.error_.sys_errno = 0;
      if (request.kind_ == WriteRequest::Kind::connect && !read_op_.in_flight()) {
        handle_ = ring_.backend().settle(handle_);
      }
    }
    dequeue(request);
    ring_.wake(request);
  }
  for (WriteRequest* at = write_head_; at != nullptr; at = at->next_) at->handed_over_ = false;
  if (released_) {
    destroy_if_idle();
  } else if (cancelled()) {
    fail_writes(cancel_error_);
  } else {
    // A request whose scope was cancelled behind one that goes on leaves before it is handed over again.
    for (WriteRequest* at = write_head_; at != nullptr;) {
      WriteRequest* following = at->next_;
      if (at->error_.sys_errno != 0) {
        dequeue(*at);
        ring_.wake(*at);
      }
      at = following;
    }
    if (write_head_ != nullptr) start_write();
  }
}

void SocketState::fail_writes(Error error) {
  while (write_head_ != nullptr) {
    WriteRequest& request = *write_head_;
    request.error_ = error;
    dequeue(request);
    ring_.wake(request);
  }
}

}  // namespace sluice::io
