#include "http/chunk.h"

#include "http/scan.h"

namespace sluice::http {
namespace {

constexpr std::uint64_t kSizeMax = std::uint64_t{1} << 59;  // one more digit still fits in 63 bits

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char low = static_cast<char>(c | 0x20);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

bool is_quoted_text(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

}  // namespace

void ChunkLine::restart() {
  state_ = State::first_digit;
  size_ = 0;
}

bool ChunkLine::extension_may_end() const {
  return state_ == State::name || state_ == State::value || state_ == State::after_quoted;
}

Parsed<std::optional<std::uint64_t>> ChunkLine::feed(char c) {
  if (state_ == State::line_feed) {
    if (c != '\n') return std::unexpected(Refusal::bare_cr);
    return size_;
  }
  if (state_ == State::first_digit || state_ == State::digits) {
    const int digit = hex_digit(c);
    if (digit >= 0) {
      if (size_ >= kSizeMax) return std::unexpected(Refusal::chunk_size);
      size_ = size_ * 16 + static_cast<std::uint64_t>(digit);
      state_ = State::digits;
      return std::nullopt;
    }
    if (state_ == State::first_digit) return std::unexpected(Refusal::chunk_size);
    if (c == '\n') return std::unexpected(Refusal::bare_lf);
    if (c != '\r' && c != ';' && !is_space(c)) return std::unexpected(Refusal::chunk_size);
    state_ = c == '\r' ? State::line_feed : c == ';' ? State::before_name : State::space_before_semicolon;
    return std::nullopt;
  }
  if (c == '\n') return std::unexpected(Refusal::bare_lf);
  if (c == '\r') {
    if (!extension_may_end()) return std::unexpected(Refusal::chunk_extension);
    state_ = State::line_feed;
    return std::nullopt;
  }
  if (const auto taken = extension(c); !taken) return std::unexpected(taken.error());
  return std::nullopt;
}

// chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )
Parsed<void> ChunkLine::extension(char c) {
  const auto wrong = std::unexpected(Refusal::chunk_extension);
  if (++extension_bytes_ > kExtensionBytesMax) return wrong;
  switch (state_) {
    case State::space_before_semicolon:
    case State::after_quoted:
      if (c == ';') {
        state_ = State::before_name;
      } else if (is_space(c)) {
        state_ = State::space_before_semicolon;
      } else {
        return wrong;
      }
      return {};
    case State::before_name:
      if (is_space(c)) return {};
      if (!is_token_char(c)) return wrong;
      state_ = State::name;
      return {};
    case State::name:
    case State::space_after_name:
      if (c == '=') {
        state_ = State::before_value;
      } else if (c == ';') {
        state_ = State::before_name;
      } else if (is_space(c)) {
        state_ = State::space_after_name;
      } else if (!is_token_char(c) || state_ == State::space_after_name) {
        return wrong;
      }
      return {};
    case State::before_value:
      if (is_space(c)) return {};
      if (c != '"' && !is_token_char(c)) return wrong;
      state_ = c == '"' ? State::quoted : State::value;
      return {};
    case State::value:
      if (is_token_char(c)) return {};
      state_ = State::after_quoted;  // what may follow is the same
      return extension(c);
    case State::quoted:
      if (!is_quoted_text(c)) return wrong;
      if (c == '\\') state_ = State::escaped;
      if (c == '"') state_ = State::after_quoted;
      return {};
    case State::escaped:
      if (!is_quoted_text(c)) return wrong;
      state_ = State::quoted;
      return {};
    default:
      return wrong;
  }
}

}  // namespace sluice::http
