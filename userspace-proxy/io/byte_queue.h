// Bytes that wait in one direction of a stream; its users bound it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace sluice::io {

class ByteQueue {
 public:
  std::size_t size() const { return bytes_.size() - head_; }
  bool empty() const { return size() == 0; }
  std::span<const std::byte> front(std::size_t max) const {
    return std::span(bytes_).subspan(head_, max < size() ? max : size());
  }
  void push(std::span<const std::byte> more) {
    // Moves the rest down instead of growing for ever; each byte is moved once on average.
    if (head_ > 0 && head_ >= size()) {
      bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    bytes_.insert(bytes_.end(), more.begin(), more.end());
  }
  // Precondition: count <= size().
  void pop(std::size_t count) {
    head_ += count;
    if (head_ == bytes_.size()) clear();
  }
  void clear() {
    constexpr std::size_t kKeep = 16 * 1024;  // an idle stream holds little memory
    if (bytes_.capacity() > kKeep) std::vector<std::byte>().swap(bytes_);
    bytes_.clear();
    head_ = 0;
  }

 private:
  std::vector<std::byte> bytes_;
  std::size_t head_ = 0;
};

}  // namespace sluice::io
