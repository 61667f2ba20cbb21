// Fd: sole owner of a file descriptor.
#pragma once

#include <utility>

namespace sluice {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  explicit operator bool() const { return valid(); }
  // Gives up ownership; the caller closes.
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);
  // A second descriptor for the same file (close-on-exec); invalid when the process has none left.
  Fd duplicate() const;

 private:
  int fd_ = -1;
};

}  // namespace sluice
