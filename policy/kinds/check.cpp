#include "policy/kinds/check.h"

#include <utility>

#include "policy/document/catalog.h"
#include "policy/document/envelope.h"
#include "policy/kinds/registry.h"

namespace sluice::policy {
namespace {

// True when the resource may be used.
bool check_resource(const Resource& resource, const CheckOptions& options, Diagnostics& diagnostics) {
  Diagnostics own;
  if (const auto* rules = kind_rules(resource.kind)) {
    check_schema(rules->schema, resource.body, "", {resource.file, own, options.strict});
    Validator validator(resource, own);
    rules->validate(validator);
  }
  if (find_kind(resource.kind)->support == Support::accepted) {
    own.add({Severity::warning,
             Stage::support,
             resource.file,
             resource.mark,
             {},
             resource.kind + " \"" + resource.display_name + "\": accepted, not yet enforced by this version",
             {}});
  }
  diagnostics.append(own);
  return !own.has_errors();
}

}  // namespace

CheckedText check_text(std::string_view text, const std::string& file, const CheckOptions& options) {
  CheckedText out;
  for (auto& document : parse_yaml(text, file, out.diagnostics, options.limits)) {
    auto resource = open_envelope(std::move(document), file, out.diagnostics);
    if (resource && check_resource(*resource, options, out.diagnostics))
      out.resources.push_back(std::move(*resource));
  }
  return out;
}

}  // namespace sluice::policy
