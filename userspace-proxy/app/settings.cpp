#include "app/settings.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/flight.h"

namespace sluice::app {
namespace {

constexpr std::uint32_t kDrainSecondsMax = 24 * 3600;

std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t min, std::uint32_t max) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max)
    return std::nullopt;
  return value;
}

std::optional<relay::AccessFormat> parse_format(std::string_view text) {
  if (text == "text") return relay::AccessFormat::text;
  if (text == "json") return relay::AccessFormat::json;
  if (text == "off") return relay::AccessFormat::off;
  return std::nullopt;
}

std::optional<LogLevel> parse_level(std::string_view text) {
  for (const LogLevel level : {LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error}) {
    if (text == log_level_word(level)) return level;
  }
  return std::nullopt;
}

template <typename T>
bool assign(T& field, const std::optional<T>& value) {
  if (value) field = *value;
  return value.has_value();
}

bool apply(ProxySettings& settings, std::string_view key, std::string_view value) {
  if (key == "--workers") return assign(settings.workers, parse_number(value, 1, kFlightWorkersMax));
  if (key == "--connections") return assign(settings.connections_max, parse_number(value, 0, 0xffffffffU));
  if (key == "--access-log") return assign(settings.access_log, parse_format(value));
  if (key == "--log-level") return assign(settings.log_level, parse_level(value));
  if (key == "--drain-seconds") {
    const auto seconds = parse_number(value, 0, kDrainSecondsMax);
    if (seconds) settings.drain = std::chrono::seconds(*seconds);
    return seconds.has_value();
  }
  if (key == "--lane") return assign(settings.lane, parse_number(value, 0, kFlightLanes - 1));
  if (key == "--successor") {
    const auto successor = parse_number(value, 0, 1);
    settings.successor = successor == 1U;
    return successor.has_value();
  }
  return false;
}

}  // namespace

Outcome<ProxySettings> parse_settings(std::span<char* const> arguments) {
  ProxySettings settings;
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const std::string_view key = arguments[i];
    const std::string_view value = i + 1 < arguments.size() ? arguments[i + 1] : "";
    if (!apply(settings, key, value)) {
      return fault(fmt::format("unknown or bad argument: {} {}", key, value),
                   "sluice-proxy is started by sluiced, not by hand");
    }
  }
  return settings;
}

}  // namespace sluice::app
