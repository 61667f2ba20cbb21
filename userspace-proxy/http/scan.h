// Finding the bytes that end or spoil a run of text, 16 at a time where the processor can.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace sluice::http {

// A set of characters: letters, digits and these.
constexpr std::array<bool, 256> letters_digits_and(std::string_view others) {
  std::array<bool, 256> table{};
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = '0'; c <= '9'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c : others) table[static_cast<unsigned char>(c)] = true;
  return table;
}

// RFC 9110 tchar: what names and methods are made of.
inline constexpr auto kTokenChars = letters_digits_and("!#$%&'*+-.^_`|~");
inline bool is_token_char(char c) {
  return kTokenChars[static_cast<unsigned char>(c)];
}
bool is_token(std::string_view text);  // false when empty

// Index of the first control character (below 0x20 except HTAB, or DEL) at or after `from`; text.size() when
// there is none.
std::size_t find_control(std::string_view text, std::size_t from = 0);

// Index of the first byte at or after `from` that is no tchar; text.size() when there is none.
// Names are short: a table beats setting up vectors.
inline std::size_t find_non_token(std::string_view text, std::size_t from = 0) {
  while (from < text.size() && is_token_char(text[from])) ++from;
  return from;
}

// ASCII letters compared without case, everything else byte by byte.
bool same_ignoring_case(const char* a, const char* b, std::size_t size);
inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && same_ignoring_case(a.data(), b.data(), a.size());
}

// Without spaces and tabs at both ends.
inline std::string_view trim_spaces(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The next element of a comma-separated list, trimmed; consumes it from `list`. Elements may be empty.
std::string_view next_element(std::string_view& list);

}  // namespace sluice::http
