// Quantities as people read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace sluice::ctl {

std::string bytes_word(std::uint64_t bytes);                        // "1.5 MiB"
std::string seconds_word(double seconds);                           // "0.2 s", "4 min", "3 h", "5 d"
std::string count_word(std::uint64_t count, const char* singular);  // "1 row", "2 rows"
// Seconds since 1970 of "2026-03-01T12:00:00[.123]Z"; nothing for anything else.
std::optional<double> unix_seconds(const std::string& utc);

}  // namespace sluice::ctl
