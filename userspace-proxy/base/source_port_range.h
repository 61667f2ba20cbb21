// The ports from which the proxy calls applications as their clients' true addresses; see
// relay/source_ports.h for why no client may take one of them by itself.
#pragma once

#include <cstdint>

namespace sluice {

inline constexpr std::uint16_t kSourcePortFirst = 10240;
inline constexpr std::uint16_t kSourcePortLast = 32767;

}  // namespace sluice
