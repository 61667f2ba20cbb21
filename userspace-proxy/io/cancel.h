// Cancellation: a CancelGroup knows every suspended operation of the tasks that belong to it. cancel() asks
// each to end early; it ends with ECANCELED, and so does every later one. Single-threaded: one ring's thread.
#pragma once

#include <utility>

namespace sluice::io {

class CancelGroup;

// An operation that can be asked to end early. on_cancel() must not resume a coroutine or destroy anything.
class Cancellable {
 public:
  Cancellable(const Cancellable&) = delete;
  Cancellable& operator=(const Cancellable&) = delete;

 protected:
  Cancellable() = default;
  ~Cancellable() { leave_group(); }
  virtual void on_cancel() = 0;
  inline void leave_group();

 private:
  friend class CancelGroup;
  CancelGroup* group_ = nullptr;
  Cancellable* previous_ = nullptr;
  Cancellable* next_ = nullptr;
};

class CancelGroup {
 public:
  CancelGroup() = default;
  CancelGroup(const CancelGroup&) = delete;
  CancelGroup& operator=(const CancelGroup&) = delete;

  bool cancelled() const { return cancelled_; }

  // Precondition: `item` is in no group.
  void add(Cancellable& item) {
    item.group_ = this;
    item.previous_ = nullptr;
    item.next_ = head_;
    if (head_ != nullptr) head_->previous_ = &item;
    head_ = &item;
  }

  void remove(Cancellable& item) {
    (item.previous_ != nullptr ? item.previous_->next_ : head_) = item.next_;
    if (item.next_ != nullptr) item.next_->previous_ = item.previous_;
    item.group_ = nullptr;
  }

  // Asks everything suspended to end. Items leave the group as they are asked, so each is asked once.
  void cancel() {
    cancelled_ = true;
    while (head_ != nullptr) {
      Cancellable& item = *head_;
      remove(item);
      item.on_cancel();
    }
  }

 private:
  Cancellable* head_ = nullptr;
  bool cancelled_ = false;
};

void Cancellable::leave_group() {
  if (group_ != nullptr) group_->remove(*this);
}

}  // namespace sluice::io
