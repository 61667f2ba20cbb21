#include "match.h"

#include "classes.h"
#include "normal_form.h"
#include "policy/document/envelope.h"
#include "policy/document/yaml.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/schema_defaults.h"

namespace sluice::conformance {
namespace {

// The rewritten file where the variant has one, else the file as it is.
std::string input_file(const Json& variant, const std::string& name) {
  const auto rewritten = text_of(member(variant, "effective"), name.c_str());
  return rewritten.empty() ? name : rewritten;
}

// Upstream's tests do not validate their inputs, so what the validators would refuse takes part as well.
Outcome<> add_resources(const std::string& text, const std::string& file, policy::Dialect dialect,
                        std::vector<policy::Resource>& out) {
  policy::Diagnostics diagnostics;
  policy::YamlLimits limits;
  limits.last_key_holds = true;
  for (auto& document : policy::parse_yaml(text, file, diagnostics, limits)) {
    auto resource = policy::open_envelope(std::move(document), file, diagnostics);
    if (!resource) continue;
    resource->dialect = dialect;
    if (const auto* schema = policy::kind_schema(resource->kind, dialect)) {
      policy::apply_defaults(*schema, resource->body);
      policy::drop_unknown(*schema, resource->body);
    }
    out.push_back(*std::move(resource));
  }
  if (diagnostics.has_errors()) return fault(diagnostics.text());
  return {};
}

Outcome<std::vector<policy::Resource>> load_inputs(const std::filesystem::path& folder,
                                                   const Version& version, const Json& description,
                                                   const Json& variant) {
  std::vector<policy::Resource> out;
  for (const auto& name : member(description, "inputs")) {
    if (!name.is_string()) continue;
    const auto file = input_file(variant, name.get<std::string>());
    const auto text = read_text(folder / file);
    if (!text) return std::unexpected(text.error());
    if (auto added = add_resources(*text, file, version.dialect, out); !added)
      return std::unexpected(added.error());
  }
  return out;
}

std::string difference(const std::filesystem::path& folder, const Version& version, const Json& description,
                       const Json& variant, MatchSolver solver) {
  auto inputs = load_inputs(folder, version, description, variant);
  if (!inputs) return inputs.error().message;
  const auto expected = read_json(folder / text_of(variant, "expected"));
  if (!expected) return expected.error().message;
  const auto found = solver({version.dialect, description, variant, *std::move(inputs)});
  if (!found) return found.error().message;
  return json_difference(*expected, *found);
}

}  // namespace

Outcome<> run_match(const std::filesystem::path& corpus, const Version& version, Report& report) {
  const auto root = corpus / version.name / "match";
  if (!std::filesystem::exists(root)) return {};
  const auto index = read_index(root / "index.jsonl");
  if (!index) return std::unexpected(index.error());
  for (const auto& record : *index) {
    const auto match_class = text_of(record, "class");
    const auto group = version.name + " match " + match_class;
    const auto folder = root / text_of(record, "dir");
    const auto description = read_json(folder / "case.json");
    if (!description) return std::unexpected(description.error());
    const auto solver = match_solver(match_class);
    for (const auto& variant : member(*description, "variants")) {
      if (const auto reason = match_class_reason(match_class); solver == nullptr) {
        report.apart(group, reason.empty() ? "class not covered yet" : reason);
        continue;
      }
      const auto id = version.name + " " + text_of(record, "id") + "/" + text_of(variant, "variant");
      report.judge(group, id, difference(folder, version, *description, variant, solver));
    }
  }
  return {};
}

}  // namespace sluice::conformance
