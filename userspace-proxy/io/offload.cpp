#include "io/offload.h"

namespace sluice::io {

OffloadThreads::OffloadThreads(std::size_t count) {
  threads_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) threads_.emplace_back(&OffloadThreads::loop, this);
}

OffloadThreads::~OffloadThreads() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void OffloadThreads::submit(OffloadJob& job) {
  job.next_job_ = nullptr;
  {
    const std::lock_guard lock(mutex_);
    (tail_ != nullptr ? tail_->next_job_ : head_) = &job;
    tail_ = &job;
    ++waiting_;
  }
  arrived_.notify_one();
}

std::size_t OffloadThreads::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

void OffloadThreads::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    arrived_.wait(lock, [this] { return head_ != nullptr || stopping_; });
    if (head_ == nullptr) return;
    OffloadJob* job = std::exchange(head_, head_->next_job_);
    if (head_ == nullptr) tail_ = nullptr;
    --waiting_;
    lock.unlock();
    job->work();                // its frame may be gone when this returns
    std::this_thread::yield();  // to the worker that waits for the result, and for the core
    lock.lock();
  }
}

}  // namespace sluice::io
