#include "http/refusal.h"

#include <array>
#include <cassert>

namespace sluice::http {
namespace {

constexpr std::array kRefusals = {
#define SLUICE_HTTP_REFUSAL(id, status, meaning) RefusalInfo{#id, status, meaning},
#include "http/refusal.def"
#undef SLUICE_HTTP_REFUSAL
};

}  // namespace

const RefusalInfo& refusal_info(Refusal refusal) {
  const auto index = static_cast<std::size_t>(refusal);
  assert(index < kRefusals.size());
  return kRefusals[index];
}

std::size_t refusal_count() {
  return kRefusals.size();
}

}  // namespace sluice::http
