// Follows the bytes of an HTTP/2 connection from frame to frame and says whether they stop between two of
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::tunnel {

class FrameBoundary {
 public:
  // `preface`: bytes that come before the first frame.
  explicit FrameBoundary(std::uint32_t preface) : skip_(preface) {}

  void follow(std::span<const std::byte> bytes);
  // Neither within a frame nor between the frames of one header block (RFC 9113 section 6.10).
  bool reached() const { return skip_ == 0 && head_ == 0 && !block_open_; }

 private:
  void take_head(std::uint8_t byte);

  std::uint32_t skip_;  // bytes of the preface or of a payload that are still to come
  std::uint32_t length_ = 0;
  std::uint8_t type_ = 0;
  std::uint8_t head_ = 0;  // bytes of a frame's head that have come
  bool block_open_ = false;
};

}  // namespace sluice::tunnel
