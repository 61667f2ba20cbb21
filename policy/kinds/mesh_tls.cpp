// MeshTLS (kuma.md 2.11).
#include <algorithm>
#include <array>
#include <string>

#include "policy/kinds/registry.h"
#include "policy/kinds/service_rules.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/top_ref.h"

namespace sluice::policy {

using namespace schema;

namespace {

constexpr std::array<std::string_view, 5> kVersions{"TLSAuto", "TLS10", "TLS11", "TLS12", "TLS13"};
const std::vector<std::string_view> kCiphers{"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                                             "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-AES128-GCM-SHA256",
                                             "ECDHE-RSA-AES256-GCM-SHA384",   "ECDHE-RSA-CHACHA20-POLY1305"};

Schema conf_schema() {
  const auto version = one_of({kVersions.begin(), kVersions.end()});
  const auto open_end = Node::of_text("TLSAuto");
  return object(
      {{"mode", one_of({"Strict", "Permissive"})},
       {"tlsVersion", object({defaulted("min", version, open_end), defaulted("max", version, open_end)})},
       {"tlsCiphers", list(one_of(kCiphers))}});
}

// TLSAuto and what is no version.
int rank(std::string_view version) {
  for (std::size_t i = 0; i < kVersions.size(); ++i) {
    if (kVersions[i] == version) return static_cast<int>(i);
  }
  return 0;
}

void validate_ciphers(Validator& validator, const Node& conf, const std::string& path, bool top_is_mesh) {
  const auto& list = *conf.find("tlsCiphers");
  const auto at = path + ".tlsCiphers";
  if (!top_is_mesh) {
    return validator.error(list, at, "tlsCiphers can only be defined with top level targetRef kind: Mesh");
  }
  const auto unknown = [](const Node& cipher) {
    return std::ranges::find(kCiphers, cipher.scalar) == kCiphers.end();
  };
  if (std::ranges::any_of(list.items, unknown))
    validator.error(list, at, "\"tlsCiphers\" must be one of the known ciphers");
}

void validate_conf(Validator& validator, const Node& item, const std::string& path, bool top_is_mesh) {
  const auto* conf = item.find("default");
  if (conf == nullptr) return;
  const auto at = path + ".default";
  validate_choice(validator, *conf, at, "mode", {"Strict", "Permissive"});
  if (filled(*conf, "tlsCiphers")) validate_ciphers(validator, *conf, at, top_is_mesh);
  const auto* version = conf->find("tlsVersion");
  if (version == nullptr) return;
  if (!top_is_mesh) {
    return validator.error(*version, at + ".tlsVersion",
                           "tlsVersion can only be defined with top level targetRef kind: Mesh");
  }
  for (const auto* end : {"min", "max"})
    validate_choice(validator, *version, at + ".tlsVersion", end, {kVersions.begin(), kVersions.end()});
  const auto min = rank(version->text_of("min"));
  const auto max = rank(version->text_of("max"));
  if (min > 0 && max > 0 && min > max) {
    validator.error(*version, at + ".tlsVersion.min", "min version must be lower than max");
  }
}

}  // namespace

Schema mesh_tls_schema(Dialect dialect) {
  std::vector<SchemaField> parts{{"rules", list(rule_item(conf_schema()))}};
  if (dialect == Dialect::kuma_2) parts.push_back({"from", list(from_item(conf_schema()))});
  return policy(std::move(parts), dialect);
}

void validate_mesh_tls(Validator& validator) {
  const auto& spec = validator.resource().spec();
  const bool from = filled(spec, "from");
  const bool rules = filled(spec, "rules");
  validate_top_ref(validator,
                   {.kinds = {"Mesh", "MeshSubset", "Dataplane"}, .inbound_policy = from || rules});
  if (from && rules) {
    validator.error(spec, "spec", "fields 'from' must be empty when 'rules' is defined");
  }
  const bool top_is_mesh = target_kind(spec) == "Mesh";
  validator.each(spec, "spec", "from", [&](const Node& item, const std::string& path) {
    validate_target_ref(validator, item, item.find("targetRef"), path + ".targetRef", {.kinds = {"Mesh"}});
    validate_conf(validator, item, path, top_is_mesh);
  });
  validator.each(spec, "spec", "rules", [&](const Node& item, const std::string& path) {
    validate_conf(validator, item, path, top_is_mesh);
  });
}

}  // namespace sluice::policy
