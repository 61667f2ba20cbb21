// Waiter: one suspended coroutine, from its operation's side. It lives in the awaiter, hence in the coroutine
// frame. An operation that ends calls Ring::wake(waiter); the ring resumes it later in the same turn, in
// order. Nothing else resumes a coroutine, so no code of ours is ever re-entered.
#pragma once

#include <coroutine>
#include <cstdlib>

#include "io/cancel.h"

namespace sluice::io {

class Waiter : public Cancellable {
 public:
  // True from suspension until the coroutine goes on.
  bool waiting() const { return waiting_; }

 protected:
  Waiter() = default;
  // A frame must not die under its operation: cancel, then await.
  ~Waiter() {
    if (waiting_) std::abort();
  }

  // Registers the coroutine behind `frame`. False when its group is cancelled already: do not start the
  // operation.
  template <typename P>
  bool suspend(std::coroutine_handle<P> frame) {
    CancelGroup* group = frame.promise().group;
    if (group != nullptr && group->cancelled()) return false;
    if (group != nullptr) group->add(*this);
    frame_ = frame;
    waiting_ = true;
    return true;
  }

 private:
  friend class Ring;
  friend class ReadyList;
  std::coroutine_handle<> frame_;
  Waiter* next_ready_ = nullptr;
  bool waiting_ = false;
  bool ready_ = false;
};

}  // namespace sluice::io
