// One line of the access log: what a finished connection looks like in text and in JSON. Pure; no I/O.
//
// Text:  2026-01-31T12:00:00.123Z outbound completed workload=web client=10.0.0.1:4242
// destination=10.0.0.2:80 ... JSON:  one object a line with the same keys. Values from outside are quoted and
// escaped in both.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/flight.h"

namespace sluice::relay {

enum class AccessFormat : std::uint8_t { text, json, off };

// Plain data, so that a worker hands it to the writer thread without allocating.
struct AccessEntry {
  FlightRow row;                    // closed: reason and closed_mono_ns are set
  std::array<char, 64> workload{};  // name, cut to fit, zero-terminated
};

// Without the newline.
std::string access_line(const AccessEntry& entry, AccessFormat format);

std::string_view transport_word(Transport transport);
std::string_view direction_word(Direction direction);

}  // namespace sluice::relay
