#include "policy/kinds/check.h"

#include <utility>

#include "policy/document/catalog.h"
#include "policy/document/envelope.h"
#include "policy/document/policy_role.h"
#include "policy/kinds/lua_patch.h"
#include "policy/kinds/migration.h"
#include "policy/kinds/proxy_patch.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/schema_defaults.h"
#include "policy/kinds/tls_support.h"

namespace sluice::policy {
namespace {

// A null field counts as absent in the old proto kinds, and on Kubernetes, whose API server drops it. In a
// Universal document of a kind with a schema it is a value of the wrong type.
bool nulls_are_values(const Resource& resource) {
  return find_kind(resource.kind)->has_spec && !resource.kubernetes;
}

// Kuma 3 took away many kinds of Kuma 2.
bool known_to(Dialect dialect, const Resource& resource, Diagnostics& diagnostics) {
  const auto& info = *find_kind(resource.kind);
  if (dialect == Dialect::kuma_2 || !info.until_kuma_2) return true;
  diagnostics.add({Severity::error, Stage::envelope, resource.file, resource.mark,
                   resource.kubernetes ? "kind" : "type", "Kuma 3 has no kind \"" + resource.kind + "\"",
                   "write " + std::string(info.replaced_by) + " instead"});
  return false;
}

void warn(const Resource& resource, const std::string& message, Diagnostics& diagnostics) {
  diagnostics.add({Severity::warning,
                   Stage::support,
                   resource.file,
                   resource.mark,
                   {},
                   resource.kind + " \"" + resource.display_name + "\": " + message,
                   {}});
}

void warn_of_support(const Resource& resource, Diagnostics& diagnostics) {
  const auto support = find_kind(resource.kind)->support;
  if (support == Support::accepted) warn(resource, "accepted, not yet enforced by this version", diagnostics);
  if (support == Support::not_served) warn(resource, "accepted, not served", diagnostics);
  if (support != Support::enforced) return;
  if (const auto in_vain = mesh_tls_warning(resource); !in_vain.empty()) warn(resource, in_vain, diagnostics);
}

// Empty: the document is taken into force.
std::string refusal_of(const Resource& resource) {
  const bool in_part = find_kind(resource.kind)->support == Support::in_part;
  return in_part ? proxy_patch_refusal(resource) : mesh_tls_refusal(resource);
}

void refuse(const Resource& resource, const CheckOptions& options, Mark mark, std::string path,
            const std::string& problem, std::string hint, Diagnostics& diagnostics) {
  diagnostics.add({options.for_use ? Severity::error : Severity::warning, Stage::support, resource.file, mark,
                   std::move(path),
                   resource.kind + " \"" + resource.display_name +
                       "\": " + (options.for_use ? "refused, " : "a node refuses it, ") + problem,
                   std::move(hint)});
}

// Kuma leaves it to Envoy to find out that a script does not compile.
void judge_scripts(const Resource& resource, const CheckOptions& options, Diagnostics& diagnostics) {
  const auto* list = resource.spec().find_path({"default", "appendModifications"});
  if (resource.kind != "MeshProxyPatch" || options.script_problem == nullptr || list == nullptr) return;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const auto patch = lua_patch(list->items[i]);
    if (!patch) continue;
    const auto problem = options.script_problem(patch->code);
    if (problem.empty()) continue;
    const auto mark = list->items[i].find_path({"httpFilter", "value"})->mark;
    auto path = "spec.default.appendModifications[" + std::to_string(i) + "].httpFilter.value";
    const auto what = std::string(kLuaDoesNotCompile) + problem;
    const std::string hint = "mend the script; its lines are counted from its first one";
    if (!options.scripts_stay) {
      refuse(resource, options, mark, std::move(path), what, hint, diagnostics);
      continue;
    }
    const bool open = resource.label(kLuaOnErrorLabel) == "open";
    diagnostics.add({Severity::warning, Stage::support, resource.file, mark, std::move(path),
                     resource.kind + " \"" + resource.display_name + "\" stays in force and " +
                         (open ? "lets pass unjudged" : "refuses") + " every request of it: " + what,
                     hint});
  }
}

void judge_support(const Resource& resource, const CheckOptions& options, Diagnostics& diagnostics) {
  warn_of_support(resource, diagnostics);
  if (diagnostics.has_errors()) return;
  if (const auto problem = refusal_of(resource); !problem.empty()) {
    return refuse(resource, options, resource.mark, {}, problem,
                  "say it with another policy, or leave the document out", diagnostics);
  }
  judge_scripts(resource, options, diagnostics);
}

void check_role(const Resource& resource, Diagnostics& diagnostics) {
  const auto problem = role_problem(resource);
  if (problem.empty()) return;
  diagnostics.add({Severity::error, Stage::semantic, resource.file, resource.spec().find("to")->mark,
                   "spec.to", std::string(problem), "write one policy for each"});
}

void skip_foreign(const Node& document, const std::string& file, Diagnostics& diagnostics) {
  const auto& kind = *document.find("kind");
  diagnostics.add({Severity::warning, Stage::envelope, file, kind.mark, "kind",
                   kind.scalar + " of " + std::string(document.text_of("apiVersion")) +
                       " is no mesh document, it is left out",
                   "a node refuses it: give a node the mesh documents alone"});
}

// `kubectl get -o yaml` writes all it found as one List, kumactl and Kuma's API as bare `items`. A node wants
// one document for each, to know it by.
bool is_list(const Node& document) {
  const auto* items = document.find("items");
  if (items == nullptr || !items->is_sequence()) return false;
  if (document.text_of("kind") == "List") return document.text_of("apiVersion") == "v1";
  return document.find("type") == nullptr && document.find("kind") == nullptr;
}

std::vector<Node> split_list(Node document, const CheckOptions& options) {
  if (!options.for_use && is_list(document)) return std::move(document.find("items")->items);
  std::vector<Node> out;
  out.push_back(std::move(document));
  return out;
}

// True when the resource may be used. Its body gets the schema's defaults and loses unknown fields.
bool check_resource(Resource& resource, const CheckOptions& options, Diagnostics& diagnostics) {
  Diagnostics own;
  if (const auto* rules = kind_rules(resource.kind)) {
    const auto& schema = *kind_schema(resource.kind, options.dialect);
    apply_defaults(schema, resource.body);
    check_schema(schema, resource.body, "",
                 {.file = resource.file,
                  .diagnostics = own,
                  .strict = options.strict,
                  .nulls_are_values = nulls_are_values(resource)});
    drop_unknown(schema, resource.body);
    Validator validator(resource, own);
    rules->validate(validator);
    check_role(resource, own);
  }
  judge_support(resource, options, own);
  diagnostics.append(own);
  return !own.has_errors();
}

}  // namespace

CheckedDocument check_document(Node document, const std::string& file, const CheckOptions& options) {
  CheckedDocument out;
  if (!options.for_use && is_foreign(document)) {
    skip_foreign(document, file, out.diagnostics);
    return out;
  }
  auto resource = open_envelope(std::move(document), file, out.diagnostics);
  if (resource) resource->dialect = options.dialect;
  if (resource && known_to(options.dialect, *resource, out.diagnostics) &&
      check_resource(*resource, options, out.diagnostics)) {
    out.resource = std::move(*resource);
  }
  return out;
}

CheckedText check_text(std::string_view text, const std::string& file, const CheckOptions& options) {
  CheckedText out;
  Diagnostics notes;  // last, so that they crowd out no error
  auto limits = options.limits;
  limits.last_key_holds = !options.strict;
  const auto check = [&](Node document) {
    const auto original = options.migration ? document : Node();
    auto checked = check_document(std::move(document), file, options);
    if (options.migration) add_migration_notes(original, checked, file, options, notes);
    out.diagnostics.append(checked.diagnostics);
    if (checked.resource) out.resources.push_back(*std::move(checked.resource));
  };
  for (auto& document : parse_yaml(text, file, out.diagnostics, limits)) {
    for (auto& one : split_list(std::move(document), options)) check(std::move(one));
  }
  out.diagnostics.append(notes);
  return out;
}

}  // namespace sluice::policy
