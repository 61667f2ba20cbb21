#include "http/scan.h"

#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace sluice::http {
namespace {

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

std::uint64_t eight(const char* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// Eight characters at once: in each byte of the sums the highest bit says "at least 'A'" and "beyond 'Z'" of
// the lower seven, which is the truth of ASCII alone; nothing carries into the next byte.
std::uint64_t lower(std::uint64_t word) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  const std::uint64_t seven = word & 0x7f * kEach;
  const std::uint64_t from_a = seven + (0x80 - 'A') * kEach;
  const std::uint64_t beyond_z = seven + (0x7f - 'Z') * kEach;
  const std::uint64_t upper = (from_a ^ beyond_z) & ~word & 0x80 * kEach;
  return word | upper >> 2;
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && find_non_token(text) == text.size();
}

std::size_t find_control(std::string_view text, std::size_t from) {
#ifdef __SSE2__
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  for (; from + 16 <= text.size(); from += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + from));
    // Unsigned "at most 0x1f": the maximum of both is 0x1f.
    const __m128i low = _mm_cmpeq_epi8(_mm_max_epu8(bytes, last_control), last_control);
    const __m128i bad =
        _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), low), _mm_cmpeq_epi8(bytes, del));
    const auto mask = static_cast<std::uint32_t>(_mm_movemask_epi8(bad));
    if (mask != 0) return from + static_cast<std::size_t>(std::countr_zero(mask));
  }
#endif
  while (from < text.size() && !is_control(text[from])) ++from;
  return from;
}

bool same_ignoring_case(const char* a, const char* b, std::size_t size) {
  std::size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    if (lower(eight(a + at)) != lower(eight(b + at))) return false;
  }
  if (at == size) return true;
  if (size >= 8) return lower(eight(a + size - 8)) == lower(eight(b + size - 8));  // some of them once more
  for (; at < size; ++at) {
    if (lower(a[at]) != lower(b[at])) return false;
  }
  return true;
}

std::string_view next_element(std::string_view& list) {
  const std::size_t comma = list.find(',');
  const std::string_view element = list.substr(0, comma);
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  return trim_spaces(element);
}

}  // namespace sluice::http
