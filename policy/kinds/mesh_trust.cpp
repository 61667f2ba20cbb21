// MeshTrust (kuma.md 1.5).
#include <optional>
#include <string>

#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"

namespace sluice::policy {

using namespace schema;

Schema mesh_trust_schema(Dialect /*dialect*/) {
  const auto bundle = object({{"type", one_of({"Pem"}), true}, {"pem", object({{"value", text(), true}})}});
  return object(
      {{"spec",
        object({{"trustDomain", text(), true}, {"caBundles", list(bundle), true}, {"origin", any()}})},
       {"status", any()}});
}

namespace {

// The label of the first PEM block ("CERTIFICATE"); nothing when there is no whole block.
std::optional<std::string_view> first_pem_label(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  constexpr std::string_view kDashes = "-----";
  for (auto at = text.find(kBegin); at != std::string_view::npos; at = text.find(kBegin, at + 1)) {
    if (at > 0 && text[at - 1] != '\n') continue;
    const auto rest = text.substr(at + kBegin.size());
    const auto close = rest.find(kDashes);
    if (close == std::string_view::npos || rest.substr(0, close).find('\n') != std::string_view::npos)
      continue;
    const auto label = rest.substr(0, close);
    if (rest.find("\n-----END " + std::string(label) + "-----") != std::string_view::npos) return label;
  }
  return std::nullopt;
}

}  // namespace

void validate_mesh_trust(Validator& validator) {
  const auto& spec = validator.resource().spec();
  const auto domain = spec.text_of("trustDomain");
  if (domain.empty()) validator.error(spec, "spec.trustDomain", "trustDomain needs to be defined");
  if (domain.size() > 253) {
    validator.error(*spec.find("trustDomain"), "spec.trustDomain", "must not be longer than 253 characters");
  }
  if (const auto* bundles = spec.find("caBundles"); bundles == nullptr || bundles->size() == 0) {
    validator.error(spec, "spec.caBundles", "must not be empty");
  }
  validator.each(spec, "spec", "caBundles", [&](const Node& bundle, const std::string& path) {
    if (bundle.text_of("type") != "Pem") {
      // Upstream names the list, not the item.
      return validator.error(bundle, "spec.caBundles.type",
                             "\"" + std::string(bundle.text_of("type")) + "\" must be one of [Pem]");
    }
    const auto* pem = bundle.find("pem");
    if (pem == nullptr) return validator.error(bundle, path + ".pem", "must be defined");
    const auto label = first_pem_label(pem->text_of("value"));
    if (!label || label->ends_with("PRIVATE KEY")) {
      validator.error(*pem, path + ".pem.value", "provided certificate has incorrect format",
                      "write the CA certificates as PEM, without any private key");
    }
  });
}

}  // namespace sluice::policy
