// The table of keys and the setting of one value.
#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include <fmt/format.h>

#include "config/config.h"
#include "policy/document/plain_text.h"

namespace sluice::agent {
namespace {

constexpr std::array kKeys = {
#define SLUICE_TEXT(section, key, value, help) \
  KeyInfo{#section "." #key, KeyType::text, value, "", 0, 4096, help},
#define SLUICE_NUMBER(section, key, value, min, max, help) \
  KeyInfo{#section "." #key, KeyType::number, #value, "", min, max, help},
#define SLUICE_DURATION(section, key, value, min, max, help) \
  KeyInfo{#section "." #key, KeyType::duration, #value, "", min, max, help},
#define SLUICE_CHOICE(section, key, value, choices, help) \
  KeyInfo{#section "." #key, KeyType::choice, value, choices, 0, 0, help},
#define SLUICE_FLAG(section, key, value, help) \
  KeyInfo{#section "." #key, KeyType::flag, #value, "", 0, 0, help},
#define SLUICE_LIST(section, key, value, max, help) \
  KeyInfo{#section "." #key, KeyType::list, value, "", 0, max, help},
#include "config/config.def"
#undef SLUICE_TEXT
#undef SLUICE_NUMBER
#undef SLUICE_DURATION
#undef SLUICE_CHOICE
#undef SLUICE_FLAG
#undef SLUICE_LIST
};

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t previous = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = previous;
    }
  }
  return row[b.size()];
}

Fault unknown_key(const Setting& setting) {
  const auto cut = std::string_view(setting.key).substr(0, 128);
  const auto nearest =
      std::ranges::min_element(kKeys, {}, [&](const KeyInfo& key) { return distance(key.name, cut); });
  return Fault{fmt::format("{}: unknown key '{}'", setting.where, cut),
               fmt::format("did you mean '{}'?", nearest->name)};
}

// Paths, names and addresses: all of them end in logs and tables.
Outcome<> plain(const Setting& setting, std::string_view text) {
  const auto problem = policy::control_problem(text);
  if (problem.empty()) return {};
  return fault(fmt::format("{}: {} holds {}", setting.where, setting.key, problem), policy::kWriteItPlainly);
}

Outcome<std::uint64_t> parse_number(const Setting& setting, const KeyInfo& key) {
  std::string_view text = setting.values.front();
  int base = 10;
  if (text.starts_with("0x")) {
    base = 16;
    text.remove_prefix(2);
  }
  std::uint64_t value = 0;
  const auto end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc{} || stop != end || text.empty())
    return fault(fmt::format("{}: {} is not a whole number", setting.where, setting.key));
  if (value < key.min || value > key.max)
    return fault(
        fmt::format("{}: {} must be between {} and {}", setting.where, setting.key, key.min, key.max));
  return value;
}

Outcome<std::string> parse_choice(const Setting& setting, const KeyInfo& key) {
  std::string_view rest = key.choices;
  while (!rest.empty()) {
    const auto bar = std::min(rest.find('|'), rest.size());
    if (rest.substr(0, bar) == setting.values.front()) return setting.values.front();
    rest.remove_prefix(std::min(bar + 1, rest.size()));
  }
  return fault(fmt::format("{}: {} must be one of {}", setting.where, setting.key, key.choices));
}

Outcome<> assign(const Setting& setting, const KeyInfo& key, std::uint64_t& member) {
  auto value = parse_number(setting, key);
  if (!value) return std::unexpected(value.error());
  member = *value;
  return {};
}

Outcome<> assign(const Setting& setting, const KeyInfo& key, std::string& member) {
  if (key.type == KeyType::choice) {
    auto value = parse_choice(setting, key);
    if (!value) return std::unexpected(value.error());
    member = *value;
    return {};
  }
  const std::string& text = setting.values.front();
  if (text.size() > key.max) return fault(fmt::format("{}: {} is too long", setting.where, setting.key));
  if (auto sound = plain(setting, text); !sound) return sound;
  member = text;
  return {};
}

struct Unit {
  std::string_view word;
  std::uint64_t milliseconds;
};
constexpr std::array kUnits = {Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}, Unit{"h", 3'600'000},
                               Unit{"d", 86'400'000}};

Outcome<> assign(const Setting& setting, const KeyInfo& key, Millis& member) {
  const std::string& text = setting.values.front();
  std::uint64_t count = 0;
  const auto end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  const std::string_view word(stop, end);
  const auto unit = std::ranges::find(kUnits, word, &Unit::word);
  if (error != std::errc{} || unit == kUnits.end())
    return fault(fmt::format("{}: {} must be a duration such as 500ms, 30s, 5m, 24h or 7d", setting.where,
                             setting.key));
  if (count > key.max / unit->milliseconds || count * unit->milliseconds < key.min)
    return fault(fmt::format("{}: {} must be between {} and {}", setting.where, setting.key,
                             duration_text(key.min), duration_text(key.max)));
  member = Millis(count * unit->milliseconds);
  return {};
}

Outcome<> assign(const Setting& setting, const KeyInfo&, bool& member) {
  const std::string& text = setting.values.front();
  if (text != "true" && text != "false")
    return fault(fmt::format("{}: {} must be true or false", setting.where, setting.key));
  member = text == "true";
  return {};
}

Outcome<> assign(const Setting& setting, const KeyInfo& key, std::vector<std::string>& member) {
  // A comma separates wherever it stands, so that a list reads back as it was however it is written.
  std::vector<std::string> values;
  for (const auto& text : setting.values) {
    if (auto sound = plain(setting, text); !sound) return sound;
    std::ranges::move(Config::split_list(text), std::back_inserter(values));
  }
  if (values.size() > key.max)
    return fault(fmt::format("{}: {} holds at most {} entries", setting.where, setting.key, key.max));
  member = std::move(values);
  return {};
}

std::string text_of(const std::string& value) {
  return value;
}
std::string text_of(std::uint64_t value) {
  return std::to_string(value);
}
std::string text_of(Millis value) {
  return duration_text(static_cast<std::uint64_t>(value.count()));
}
std::string text_of(bool value) {
  return value ? "true" : "false";
}
std::string text_of(const std::vector<std::string>& value) {
  return fmt::format("{}", fmt::join(value, ", "));
}

}  // namespace

std::vector<std::string> Config::split_list(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (const auto entry = trim(text.substr(0, comma)); !entry.empty()) out.emplace_back(entry);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

std::string duration_text(std::uint64_t milliseconds) {
  if (milliseconds % 3'600'000 == 0 && milliseconds != 0) return fmt::format("{}h", milliseconds / 3'600'000);
  if (milliseconds % 1000 == 0) return fmt::format("{}s", milliseconds / 1000);
  return fmt::format("{}ms", milliseconds);
}

std::span<const KeyInfo> config_keys() {
  return kKeys;
}

Outcome<> set_config(Config& config, const Setting& setting) {
  std::size_t index = 0;
#define SLUICE_KEY(s, k)                                                            \
  if (setting.key == #s "." #k) {                                                   \
    if (setting.values.empty() && kKeys[index].type != KeyType::list)               \
      return fault(fmt::format("{}: {} has no value", setting.where, setting.key)); \
    return assign(setting, kKeys[index], config.s##_##k);                           \
  }                                                                                 \
  ++index;
#define SLUICE_TEXT(s, k, value, help) SLUICE_KEY(s, k)
#define SLUICE_NUMBER(s, k, value, min, max, help) SLUICE_KEY(s, k)
#define SLUICE_DURATION(s, k, value, min, max, help) SLUICE_KEY(s, k)
#define SLUICE_CHOICE(s, k, value, choices, help) SLUICE_KEY(s, k)
#define SLUICE_FLAG(s, k, value, help) SLUICE_KEY(s, k)
#define SLUICE_LIST(s, k, value, max, help) SLUICE_KEY(s, k)
#include "config/config.def"
#undef SLUICE_TEXT
#undef SLUICE_NUMBER
#undef SLUICE_DURATION
#undef SLUICE_CHOICE
#undef SLUICE_FLAG
#undef SLUICE_LIST
#undef SLUICE_KEY
  return std::unexpected(unknown_key(setting));
}

std::string config_value(const Config& config, std::string_view name) {
#define SLUICE_KEY(s, k) \
  if (name == #s "." #k) return text_of(config.s##_##k);
#define SLUICE_TEXT(s, k, value, help) SLUICE_KEY(s, k)
#define SLUICE_NUMBER(s, k, value, min, max, help) SLUICE_KEY(s, k)
#define SLUICE_DURATION(s, k, value, min, max, help) SLUICE_KEY(s, k)
#define SLUICE_CHOICE(s, k, value, choices, help) SLUICE_KEY(s, k)
#define SLUICE_FLAG(s, k, value, help) SLUICE_KEY(s, k)
#define SLUICE_LIST(s, k, value, max, help) SLUICE_KEY(s, k)
#include "config/config.def"
#undef SLUICE_TEXT
#undef SLUICE_NUMBER
#undef SLUICE_DURATION
#undef SLUICE_CHOICE
#undef SLUICE_FLAG
#undef SLUICE_LIST
#undef SLUICE_KEY
  return {};
}

}  // namespace sluice::agent
