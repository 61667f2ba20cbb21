// The reason codes of bpf/include/reasons.def as a C++ enum with their words.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice {

enum class Reason : std::uint8_t {
#define SLUICE_REASON(id, class_, origin, meaning, next) id,
#include "reasons.def"
#undef SLUICE_REASON
};

enum class ReasonClass : std::uint8_t { pass, take, deny, fail, end };

struct ReasonInfo {
  std::string_view word;  // as in logs, metrics and `sluice explain`
  ReasonClass kind;
  std::string_view origin;
  std::string_view meaning;
  std::string_view next_step;
};

// Number of reasons; every value below it is valid.
std::size_t reason_count();

// Precondition: reason is one of the enumerators.
const ReasonInfo& reason_info(Reason reason);

// For numbers from outside (BPF maps, the flight recorder): nothing when out of range.
std::optional<Reason> reason_from_number(std::uint32_t number);

}  // namespace sluice
