#include "normal_form.h"

#include <algorithm>

#include "policy/kinds/duration.h"

namespace sluice::conformance {
namespace {

constexpr std::size_t kMaxPlaces = 5;

bool is_empty(const Json& json) {
  return json.is_null() || (json.is_structured() && json.empty());
}

Json normal_text(const std::string& text) {
  const auto duration = policy::parse_duration(text);
  return duration ? std::to_string(duration->count()) + "ns" : text;
}

class Comparison {
 public:
  void compare(const Json& expected, const Json& found, const std::string& path) {
    if (expected == found) return;
    if (expected.is_object() && found.is_object()) return objects(expected, found, path);
    if (expected.is_array() && found.is_array()) return arrays(expected, found, path);
    note(path, expected.dump(), found.dump());
  }

  std::string text() const {
    if (count_ <= kMaxPlaces) return out_;
    return out_ + "\n    ... and " + std::to_string(count_ - kMaxPlaces) + " more places";
  }

 private:
  void objects(const Json& expected, const Json& found, const std::string& path) {
    for (const auto& [key, value] : expected.items()) {
      const auto other = found.find(key);
      if (other == found.end()) {
        note(path + "." + key, value.dump(), "nothing");
      } else {
        compare(value, *other, path + "." + key);
      }
    }
    for (const auto& [key, value] : found.items()) {
      if (!expected.contains(key)) note(path + "." + key, "nothing", value.dump());
    }
  }

  void arrays(const Json& expected, const Json& found, const std::string& path) {
    for (std::size_t i = 0; i < std::max(expected.size(), found.size()); ++i) {
      const auto place = path + "[" + std::to_string(i) + "]";
      if (i >= expected.size()) {
        note(place, "nothing", found[i].dump());
      } else if (i >= found.size()) {
        note(place, expected[i].dump(), "nothing");
      } else {
        compare(expected[i], found[i], place);
      }
    }
  }

  void note(const std::string& path, const std::string& expected, const std::string& found) {
    if (++count_ <= kMaxPlaces) out_ += "\n    " + path + ": wanted " + expected + ", found " + found;
  }

  std::string out_;
  std::size_t count_ = 0;
};

}  // namespace

Json normal_form(const Json& json) {
  if (json.is_string()) return normal_text(json.get<std::string>());
  if (json.is_array()) {
    Json out = Json::array();
    for (const auto& item : json) {
      if (auto value = normal_form(item); !is_empty(value)) out.push_back(std::move(value));
    }
    return out;
  }
  if (!json.is_object()) return json;
  Json out = Json::object();
  for (const auto& [key, item] : json.items()) {
    if (auto value = normal_form(item); !is_empty(value)) out[key] = std::move(value);
  }
  return out;
}

std::string json_difference(const Json& expected, const Json& found) {
  Comparison comparison;
  comparison.compare(normal_form(expected), normal_form(found), "");
  return comparison.text();
}

}  // namespace sluice::conformance
