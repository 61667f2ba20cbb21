// Which of Kuma's two languages a text is judged by (kuma.md 0): the same document can get different
// verdicts.
#pragma once

#include <cstdint>

namespace sluice::policy {

enum class Dialect : std::uint8_t {
  kuma_2,  // as of 2.14
  kuma_3   // as of the 3.0 snapshot
};

}  // namespace sluice::policy
