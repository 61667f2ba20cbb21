#include "policy/kinds/service_rules.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/address.h"
#include "policy/document/names.h"

namespace sluice::policy {

void validate_service_name(Validator& validator, bool limited) {
  const auto& resource = validator.resource();
  const auto& name = resource.display_name;
  if (validator.dialect() == Dialect::kuma_2) {
    if (limited && name.size() > 63) {
      validator.error(resource.body, "name", "must not be longer than 63 characters");
    }
    return;
  }
  if (name.size() > 63) validator.error(resource.body, "name", "must be no more than 63 characters");
  if (name.size() <= 63 && !is_dns_1035_label(name)) {
    validator.error(
        resource.body, "name",
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
        "alphabetic character, and end with an alphanumeric character");
  }
}

bool is_host(std::string_view text) {
  return IpAddr::parse(text).has_value() || is_dns_name(text);
}

void validate_service_port(Validator& validator, const Node& parent, const std::string& path,
                           std::string_view key) {
  const auto* node = parent.find(key);
  const auto value = node == nullptr ? std::optional<std::int64_t>() : node->as_integer();
  if (value && *value >= 1 && *value <= 65535) return;
  validator.error(node == nullptr ? parent : *node, join_path(path, key), "port must be a valid (1-65535)");
}

std::string must_be_one_of(std::string_view what, std::string_view choices) {
  return "\"" + std::string(what) + "\" must be one of [" + std::string(choices) + "]";
}

void validate_choice(Validator& validator, const Node& parent, const std::string& path, std::string_view key,
                     const std::vector<std::string_view>& choices) {
  const auto* node = parent.find(key);
  if (node == nullptr || node->scalar.empty() || std::ranges::find(choices, node->scalar) != choices.end())
    return;
  std::string list;
  for (const auto choice : choices) list += (list.empty() ? "\"" : ", \"") + std::string(choice) + "\"";
  validator.error(*node, join_path(path, key), must_be_one_of(key, list));
}

bool is_supported_protocol(std::string_view text, Dialect dialect) {
  constexpr std::array<std::string_view, 5> kProtocols{"grpc", "http", "http2", "tcp", "kafka"};
  std::string folded(text);
  if (dialect == Dialect::kuma_3) {
    std::ranges::transform(folded, folded.begin(), [](unsigned char c) { return std::tolower(c); });
  }
  const auto found = std::ranges::find(kProtocols, std::string_view(folded));
  return found != kProtocols.end() && (*found != "kafka" || dialect == Dialect::kuma_2);
}

std::string_view supported_protocols(Dialect dialect) {
  return dialect == Dialect::kuma_2 ? "grpc, http, http2, kafka, tcp" : "grpc, http, http2, tcp";
}

}  // namespace sluice::policy
