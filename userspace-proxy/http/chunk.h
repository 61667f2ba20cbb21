// The line in front of a chunk: its size and its extensions, byte by byte, so that it may come in any pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "http/refusal.h"

namespace sluice::http {

// Bytes of extensions in one message: without a bound they would be a body that nobody counts.
inline constexpr std::size_t kExtensionBytesMax = 4096;

class ChunkLine {
 public:
  // The chunk's size once its LF has come.
  Parsed<std::optional<std::uint64_t>> feed(char c);
  void restart();  // for the next chunk; extensions go on being counted

 private:
  enum class State : std::uint8_t {
    first_digit,
    digits,
    space_before_semicolon,
    before_name,  // after ';'
    name,
    space_after_name,
    before_value,  // after '='
    value,
    quoted,
    escaped,
    after_quoted,
    line_feed
  };
  Parsed<void> extension(char c);
  bool extension_may_end() const;

  State state_ = State::first_digit;
  std::uint64_t size_ = 0;
  std::size_t extension_bytes_ = 0;
};

}  // namespace sluice::http
