#include "control/body.h"

#include <fmt/core.h>

namespace sluice::control {
namespace {

constexpr const char* kSeeApi = "docs/control-api.yaml lists the fields of this request";

}  // namespace

Outcome<Body> Body::parse(std::string_view text) {
  if (text.empty()) return Body(Json::object(), "");
  Json parsed = Json::parse(text, nullptr, false);
  if (parsed.is_discarded()) return fault("the request body is not valid JSON", kSeeApi);
  if (!parsed.is_object()) return fault("the request body must be a JSON object", kSeeApi);
  return Body(std::move(parsed), "");
}

Json Body::take(std::string_view name) {
  const auto found = object_.find(std::string(name));
  if (found == object_.end()) return nullptr;
  Json value = std::move(*found);
  object_.erase(found);
  return value;
}

void Body::refuse(std::string_view name, std::string_view why) {
  if (!problem_) problem_ = Fault{fmt::format("field '{}{}' {}", path_, name, why), kSeeApi};
}

std::string Body::text(std::string_view name, std::size_t max_bytes) {
  const Json value = take(name);
  if (value.is_null()) return {};
  if (!value.is_string()) {
    refuse(name, "must be text");
    return {};
  }
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > max_bytes) {
    refuse(name, fmt::format("is longer than {} bytes", max_bytes));
    return {};
  }
  return text;
}

bool Body::flag(std::string_view name) {
  const Json value = take(name);
  if (value.is_null()) return false;
  if (!value.is_boolean()) {
    refuse(name, "must be true or false");
    return false;
  }
  return value.get<bool>();
}

std::uint32_t Body::number(std::string_view name, std::uint32_t max) {
  const Json value = take(name);
  if (value.is_null()) return 0;
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > max) {
    refuse(name, fmt::format("must be a whole number from 0 to {}", max));
    return 0;
  }
  return value.get<std::uint32_t>();
}

std::vector<Body> Body::objects(std::string_view name, std::size_t max_count) {
  Json value = take(name);
  std::vector<Body> out;
  if (value.is_null()) return out;
  if (!value.is_array() || value.size() > max_count) {
    refuse(name, fmt::format("must be a list of at most {} objects", max_count));
    return out;
  }
  for (auto& item : value) {
    if (!item.is_object()) {
      refuse(name, "must hold objects only");
      return {};
    }
    out.emplace_back(std::move(item), fmt::format("{}{}[{}].", path_, name, out.size()));
  }
  return out;
}

Outcome<> Body::finish() const {
  if (problem_) return std::unexpected(*problem_);
  if (object_.empty()) return {};
  return fault(fmt::format("unknown field '{}{}'", path_, object_.begin().key()), kSeeApi);
}

}  // namespace sluice::control
