// The command line that the keeper starts the proxy with. Everything else arrives over the channels.
#pragma once

#include <cstdint>
#include <span>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "relay/access_line.h"

namespace sluice::app {

struct ProxySettings {
  std::uint32_t workers = 1;
  std::uint32_t connections_max = 0;  // of the whole proxy; 0: none
  relay::AccessFormat access_log = relay::AccessFormat::text;
  LogLevel log_level = LogLevel::info;
  Nanos drain{std::chrono::seconds(30)};
  std::uint32_t lane = 0;  // of the flight memory
  bool successor = false;  // another proxy serves until this one can
};

// --workers N --connections N --access-log text|json|off --log-level debug|info|warn|error --drain-seconds N
// --lane N --successor 0|1
Outcome<ProxySettings> parse_settings(std::span<char* const> arguments);

}  // namespace sluice::app
