// Lua's patterns with a bound. The library's own matcher backtracks without limit inside one call, where no
// count hook fires; here every step is paid for, and nesting has a limit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::lua {

inline constexpr std::size_t kCapturesMax = 32;

struct Capture {
  std::size_t at = 0;
  std::size_t size = 0;
  bool position = false;  // "()": the value is at + 1
};

struct Match {
  enum class Kind : std::uint8_t { found, none, malformed, overrun };
  Kind kind = Kind::none;
  const char* problem = "";  // malformed
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t captures = 0;
  std::array<Capture, kCapturesMax> capture{};
};

// The first match at or after `from`; with a leading '^', at `from` only. Takes what it used off `steps`.
Match find_pattern(std::string_view text, std::string_view pattern, std::size_t from, std::uint64_t& steps);
// The pattern means itself: no character of it is special.
bool is_plain(std::string_view pattern);

}  // namespace sluice::lua
