// The configuration of one sluiced: defaults, then the file, then the command line. Declared in config.def.
//
// File: YAML, two levels (`section: {key: value}`); lists as YAML sequences or comma-separated text. Unknown
// keys, wrong types and values out of bounds are errors that name file:line and the nearest key. Read once at
// start.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace sluice::agent {

struct Config {
#define SLUICE_TEXT(section, key, value, help) std::string section##_##key = value;
#define SLUICE_NUMBER(section, key, value, min, max, help) std::uint64_t section##_##key = value;
#define SLUICE_DURATION(section, key, value, min, max, help) Millis section##_##key{value};
#define SLUICE_CHOICE(section, key, value, choices, help) std::string section##_##key = value;
#define SLUICE_FLAG(section, key, value, help) bool section##_##key = value;
#define SLUICE_LIST(section, key, value, max, help) \
  std::vector<std::string> section##_##key = split_list(value);
#include "config/config.def"
#undef SLUICE_TEXT
#undef SLUICE_NUMBER
#undef SLUICE_DURATION
#undef SLUICE_CHOICE
#undef SLUICE_FLAG
#undef SLUICE_LIST

  static std::vector<std::string> split_list(std::string_view text);  // by comma, blanks trimmed
};

enum class KeyType : unsigned char { text, number, duration, choice, flag, list };

struct KeyInfo {
  std::string_view name;  // "section.key"
  KeyType type{};
  std::string_view default_text;
  std::string_view choices;  // of a choice, separated by |
  std::uint64_t min = 0;     // of a number; milliseconds of a duration
  std::uint64_t max = 0;     // likewise; entries of a list, bytes of a text
  std::string_view help;
};
std::span<const KeyInfo> config_keys();

std::string duration_text(std::uint64_t milliseconds);  // "24h", "30s", "500ms"

// One value as written somewhere.
struct Setting {
  std::string key;                  // "section.key"
  std::vector<std::string> values;  // one, or the entries of a sequence
  std::string where;                // "file:line" or "command line"
};

// Puts a setting into `config`; a Fault leaves it as it was.
Outcome<> set_config(Config& config, const Setting& setting);
// Values of a key in force, as written in a file.
std::string config_value(const Config& config, std::string_view key);

// The settings of a file's text; at most 64 KiB.
Outcome<std::vector<Setting>> parse_config(std::string_view text, const std::string& file_name);

struct CommandLine {
  Config config;
  std::string config_file;  // empty: none was given
  bool help = false;
  bool dump = false;
};
// `--config FILE`, `--section.key VALUE`, `--section.key=VALUE`, `--dump`, `--help`; checks what spans
// several keys.
Outcome<CommandLine> read_command_line(std::span<const std::string> arguments);

std::string config_help();                      // for a terminal
std::string config_dump(const Config& config);  // YAML that reads back as the same configuration

}  // namespace sluice::agent
