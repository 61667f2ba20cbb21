// Finding the bytes that end or spoil a run of text, 16 at a time where the processor can.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::http {

// RFC 9110 tchar: what names and methods are made of.
bool is_token_char(char c);
bool is_token(std::string_view text);  // false when empty

// Index of the first control character (below 0x20 except HTAB, or DEL) at or after `from`; text.size() when
// there is none.
std::size_t find_control(std::string_view text, std::size_t from = 0);

// Index of the first byte at or after `from` that is no tchar; text.size() when there is none.
std::size_t find_non_token(std::string_view text, std::size_t from = 0);

// ASCII letters compared without case, everything else byte by byte.
bool equal_ignoring_case(std::string_view a, std::string_view b);

// Without spaces and tabs at both ends.
std::string_view trim_spaces(std::string_view text);

// The next element of a comma-separated list, trimmed; consumes it from `list`. Elements may be empty.
std::string_view next_element(std::string_view& list);

}  // namespace sluice::http
