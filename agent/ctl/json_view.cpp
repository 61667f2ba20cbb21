#include "ctl/json_view.h"

namespace sluice::ctl {

const Json& field(const Json& object, std::string_view name) {
  static const Json kNull = nullptr;
  if (!object.is_object()) return kNull;
  const auto found = object.find(std::string(name));
  return found == object.end() ? kNull : *found;
}

std::string text(const Json& object, std::string_view name) {
  const Json& value = field(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

bool flag(const Json& object, std::string_view name) {
  const Json& value = field(object, name);
  return value.is_boolean() && value.get<bool>();
}

double number(const Json& object, std::string_view name) {
  const Json& value = field(object, name);
  return value.is_number() ? value.get<double>() : 0.0;
}

std::uint64_t whole(const Json& object, std::string_view name) {
  const Json& value = field(object, name);
  return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
}

const Json& list(const Json& object, std::string_view name) {
  static const Json kEmpty = Json::array();
  const Json& value = field(object, name);
  return value.is_array() ? value : kEmpty;
}

std::string joined(const Json& array, std::string_view separator) {
  std::string out;
  for (const Json& item : array) {
    if (!item.is_string()) continue;
    if (!out.empty()) out += separator;
    out += item.get<std::string>();
  }
  return out;
}

}  // namespace sluice::ctl
