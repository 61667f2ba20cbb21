// The texts made from config.def: help and dump. docs/configuration.md is made by scripts/generate_docs.py.
#include <fmt/format.h>

#include "config/config.h"
#include "policy/document/node.h"

namespace sluice::agent {
namespace {

std::string_view section_of(std::string_view name) {
  return name.substr(0, name.find('.'));
}

std::string_view key_of(std::string_view name) {
  return name.substr(name.find('.') + 1);
}

std::string bounds(const KeyInfo& key) {
  switch (key.type) {
    case KeyType::number:
      return fmt::format("{} to {}", key.min, key.max);
    case KeyType::duration:
      return fmt::format("{} to {}", duration_text(key.min), duration_text(key.max));
    case KeyType::choice: {
      std::string text(key.choices);
      for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
        text.replace(at, 1, ", ");
      return text;
    }
    case KeyType::flag:
      return "true, false";
    case KeyType::list:
      return fmt::format("list of at most {}", key.max);
    case KeyType::text:
      break;
  }
  return "text";
}

std::string shown_default(const KeyInfo& key) {
  if (key.type == KeyType::duration) return config_value(Config{}, key.name);
  return key.default_text.empty() ? "empty" : std::string(key.default_text);
}

// One line of JSON, which is YAML as well and is read back as the same text (`json_fuzz`).
std::string quoted(std::string_view text) {
  policy::Node node;
  node.kind = policy::Node::Kind::text;
  node.scalar = text;
  return node.to_json();
}

}  // namespace

std::string config_help() {
  std::string out =
      "sluiced: the Sluice daemon of one node\n\n"
      "  sluiced [--config FILE] [--section.key VALUE]...\n"
      "  sluiced --config /etc/sluice/sluiced.yaml --node.name web-1\n\n"
      "  --config FILE   configuration file (YAML)\n"
      "  --dump          print the configuration in force and end\n"
      "  --help          this text\n\nKeys:\n";
  for (const auto& key : config_keys())
    out += fmt::format("  --{}  ({}; default {})\n      {}\n", key.name, bounds(key), shown_default(key),
                       key.help);
  return out;
}

std::string config_dump(const Config& config) {
  std::string out;
  std::string_view section;
  for (const auto& key : config_keys()) {
    if (section != section_of(key.name)) {
      section = section_of(key.name);
      out += fmt::format("{}:\n", section);
    }
    const std::string value = config_value(config, key.name);
    const bool plain = key.type == KeyType::number || key.type == KeyType::flag;
    out += fmt::format("  {}: {}\n", key_of(key.name), plain ? value : quoted(value));
  }
  return out;
}

}  // namespace sluice::agent
