#include "fragment.h"

#include <map>

#include "policy/document/envelope.h"
#include "policy/document/yaml.h"
#include "policy/kinds/json_patch.h"
#include "policy/kinds/numbers.h"
#include "policy/kinds/otel_backend.h"
#include "policy/kinds/validator.h"

namespace sluice::conformance {
namespace {

struct Fragment {
  const policy::Node& root;
  const Json& options;
  policy::Validator& validator;
  policy::Diagnostics& diagnostics;
};

bool option(const Json& options, const char* key) {
  const auto& value = member(options, key);
  return value.is_boolean() && value.get<bool>();
}

void target_ref(const Fragment& in) {
  policy::TargetRefRules rules;
  for (const auto& kind : member(in.options, "supportedKinds")) {
    // The document owns no such text, so it must live as long as the rules.
    if (kind.is_string()) rules.kinds.push_back(kind.get_ref<const std::string&>());
  }
  rules.inbound_policy = option(in.options, "isInboundPolicy");
  rules.gateway_tags_allowed = option(in.options, "gatewayListenerTagsAllowed");
  policy::validate_target_ref(in.validator, in.root, in.root.find("targetRef"), "targetRef", rules);
}

void bandwidth(const Fragment& in) {
  policy::validate_bandwidth(in.validator, in.root, "", "path");
}

void otel_attribute_name(const Fragment& in) {
  policy::validate_otel_attribute_name(in.validator, in.root, in.root.text_of("path"), "path");
}

void json_patch(const Fragment& in) {
  policy::validate_json_patches(in.validator, in.root, "", "jsonPatches");
}

// Name and mesh are the envelope's business: a document with them, of a kind of that scope.
void meta(const Fragment& in) {
  auto document = in.root;
  document.set("type", policy::Node::of_text(text_of(in.options, "scope") == "Global" ? "HostnameGenerator"
                                                                                      : "MeshTimeout"));
  policy::open_envelope(std::move(document), "fragment", in.diagnostics);
}

const std::map<std::string, void (*)(const Fragment&)> kFragments{
    {"fragment-TargetRef", target_ref},
    {"fragment-Bandwidth", bandwidth},
    {"fragment-OtelAttributeName", otel_attribute_name},
    {"fragment-JsonPatch", json_patch},
    {"fragment-Meta", meta},
};

}  // namespace

std::optional<policy::Diagnostics> judge_fragment(const std::string& kind, const std::string& text,
                                                  const Json& options, policy::Dialect dialect) {
  const auto function = kFragments.find(kind);
  if (function == kFragments.end()) return std::nullopt;
  policy::Diagnostics diagnostics;
  const auto documents = policy::parse_yaml(text, "fragment", diagnostics);
  if (documents.size() != 1) return diagnostics;
  policy::Resource resource;
  resource.dialect = dialect;
  policy::Validator validator(resource, diagnostics);
  function->second({documents[0], options, validator, diagnostics});
  return diagnostics;
}

}  // namespace sluice::conformance
