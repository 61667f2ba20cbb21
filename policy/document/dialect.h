// Which of Kuma's two languages a text is judged by (kuma.md 0): the same document can get different
// verdicts.
#pragma once

#include <cstdint>

namespace sluice::policy {

enum class Dialect : std::uint8_t {
  kuma_2,  // as of 2.14
  kuma_3   // as of the 3.0 snapshot
};

constexpr Dialect other_dialect(Dialect dialect) {
  return dialect == Dialect::kuma_2 ? Dialect::kuma_3 : Dialect::kuma_2;
}

// As people call it: "Kuma 2.14", "Kuma 3".
constexpr const char* release_name(Dialect dialect) {
  return dialect == Dialect::kuma_2 ? "Kuma 2.14" : "Kuma 3";
}

}  // namespace sluice::policy
