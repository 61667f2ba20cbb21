#include "ctl/yaml.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "policy/document/node.h"

namespace sluice::ctl {
namespace {

// Plain only where no YAML version can read anything but text; everything else is double-quoted, as JSON
// writes it.
bool plain_is_safe(const std::string& text) {
  if (text.empty() || std::isalpha(static_cast<unsigned char>(text[0])) == 0) return false;
  const auto safe = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '/';
  };
  if (!std::all_of(text.begin(), text.end(), safe)) return false;
  std::string lower;
  for (const char c : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  static constexpr std::array kWords = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
  return std::find(kWords.begin(), kWords.end(), lower) == kWords.end();
}

std::string scalar(const Json& value) {
  if (value.is_string() && plain_is_safe(value.get_ref<const std::string&>()))
    return value.get<std::string>();
  auto text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (!value.is_string()) return text;
  // JSON may hold characters that YAML does not take as they are.
  return policy::Node::of_text(Json::parse(text).get<std::string>()).to_json();
}

bool nested(const Json& value) {
  return (value.is_object() || value.is_array()) && !value.empty();
}

void put(const Json& value, std::size_t indent, std::string& out) {
  const std::string blanks(indent, ' ');
  if (value.is_object()) {
    for (const auto& [name, member] : value.items()) {
      out += blanks + scalar(Json(name)) + ":";
      if (nested(member)) {
        out += "\n";
        put(member, indent + 2, out);
      } else {
        out += " " + scalar(member) + "\n";
      }
    }
    return;
  }
  for (const Json& item : value) {
    if (!nested(item)) {
      out += blanks + "- " + scalar(item) + "\n";
      continue;
    }
    // The first line of the member stands behind the dash, in place of its indentation.
    std::string member;
    put(item, indent + 2, member);
    member[indent] = '-';
    out += member;
  }
}

}  // namespace

std::string to_yaml(const Json& json) {
  if (!nested(json)) return scalar(json) + "\n";
  std::string out;
  put(json, 0, out);
  return out;
}

}  // namespace sluice::ctl
