#include "base/reason.h"

#include <array>
#include <cassert>

namespace sluice {
namespace {

constexpr std::array kReasons = {
#define SLUICE_REASON(id, class_, origin, meaning, next) \
  ReasonInfo{#id, ReasonClass::class_, #origin, meaning, next},
#include "reasons.def"
#undef SLUICE_REASON
};
static_assert(kReasons.size() <= 256);

}  // namespace

std::size_t reason_count() {
  return kReasons.size();
}

const ReasonInfo& reason_info(Reason reason) {
  const auto index = static_cast<std::size_t>(reason);
  assert(index < kReasons.size());
  return kReasons[index];
}

std::optional<Reason> reason_from_number(std::uint32_t number) {
  if (number >= kReasons.size()) return std::nullopt;
  return static_cast<Reason>(number);
}

}  // namespace sluice
