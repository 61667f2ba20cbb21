#include "tunnel/frame_boundary.h"

#include <algorithm>

#include <nghttp2/nghttp2.h>

namespace sluice::tunnel {
namespace {

constexpr std::uint8_t kHeadSize = 9;  // length 3, type, flags, stream 4: RFC 9113 section 4.1

}  // namespace

void FrameBoundary::follow(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::size_t skipped = std::min<std::size_t>(skip_, bytes.size());
    skip_ -= static_cast<std::uint32_t>(skipped);
    bytes = bytes.subspan(skipped);
    if (bytes.empty()) return;
    take_head(std::to_integer<std::uint8_t>(bytes.front()));
    bytes = bytes.subspan(1);
  }
}

void FrameBoundary::take_head(std::uint8_t byte) {
  if (head_ < 3) length_ = (head_ == 0 ? 0 : length_ << 8) | byte;
  if (head_ == 3) type_ = byte;
  if (head_ == 4 && (type_ == NGHTTP2_HEADERS || type_ == NGHTTP2_CONTINUATION))
    block_open_ = (byte & NGHTTP2_FLAG_END_HEADERS) == 0;
  if (++head_ < kHeadSize) return;
  head_ = 0;
  skip_ = length_;
}

}  // namespace sluice::tunnel
