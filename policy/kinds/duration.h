// Durations as Kuma's documents write them.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace sluice::policy {

// Go's duration text: "1h30m", "500ms", "-2s", "0". Nothing when malformed or beyond 292 years.
std::optional<Nanos> parse_duration(std::string_view text);

// Mesh.mtls dpCert: a Go duration, or a whole number of years, weeks or days ("10y", "2w", "1d").
std::optional<Nanos> parse_long_duration(std::string_view text);

}  // namespace sluice::policy
