// Any text as a duration: what is accepted is within the range of nanoseconds, has the same value with its
// sign turned, and is found again when it is written as whole nanoseconds.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "policy/kinds/duration.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::policy;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto longer = parse_long_duration(text);
  const auto value = parse_duration(text);
  if (value && longer != value) std::abort();
  if (!value) return 0;
  if (parse_duration(std::to_string(value->count()) + "ns") != value &&
      std::abs(static_cast<double>(value->count())) < 1e15)
    std::abort();
  const bool has_sign = text.starts_with('-') || text.starts_with('+');
  if (!has_sign && text.size() < 64 && parse_duration("-" + text) != -*value) std::abort();
  return 0;
}
