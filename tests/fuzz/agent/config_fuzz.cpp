// The text of a configuration file, whatever it is: it is refused with a reason, or its settings are put into
// force one by one. A refused setting changes nothing, and what is in force can be dumped and read back as
// the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/config.h"

namespace {

using namespace sluice::agent;

void require(bool holds) {
  if (!holds) std::abort();
}

void require_reads_back(const Config& config) {
  const auto text = config_dump(config);
  const auto settings = parse_config(text, "dump");
  require(settings.has_value());
  Config again;
  for (const auto& setting : *settings) require(set_config(again, setting).has_value());
  require(config_dump(again) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto settings = parse_config({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
  if (!settings) {
    require(!settings.error().message.empty());
    return 0;
  }
  Config config;
  for (const auto& setting : *settings) {
    require(setting.where.starts_with("fuzz.yaml:"));
    const auto before = config_dump(config);
    const auto taken = set_config(config, setting);
    if (taken) continue;
    require(!taken.error().message.empty());
    require(config_dump(config) == before);
  }
  require_reads_back(config);
  return 0;
}
