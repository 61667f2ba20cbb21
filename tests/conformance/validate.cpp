// Kuma's own validator cases. `pipeline` (defaults, schema, decoder and validator) decides where it is
// present and decided, else `verdict` (the validator alone); of refused documents the set of field paths
// counts too.
#include <set>

#include "classes.h"
#include "data.h"
#include "fragment.h"
#include "policy/document/catalog.h"
#include "policy/kinds/check.h"

namespace sluice::conformance {
namespace {

using Paths = std::set<std::string>;

std::string joined(const Paths& paths) {
  std::string out;
  for (const auto& path : paths) out += (out.empty() ? "" : ", ") + path;
  return "{" + out + "}";
}

Paths wanted_paths(const Json& record) {
  Paths out;
  for (const auto& violation : member(record, "violations")) out.insert(text_of(violation, "field"));
  return out;
}

// Those of the validators and the envelope, as the corpus records them; it records the schema's apart.
Paths found_paths(const policy::Diagnostics& diagnostics) {
  Paths out;
  for (const auto& one : diagnostics.list()) {
    if (one.severity != policy::Severity::error) continue;
    if (one.stage == policy::Stage::semantic || one.stage == policy::Stage::envelope) out.insert(one.path);
  }
  return out;
}

bool schema_refuses(const policy::Diagnostics& diagnostics) {
  for (const auto& one : diagnostics.list())
    if (one.severity == policy::Severity::error && one.stage == policy::Stage::schema) return true;
  return false;
}

std::string difference(const Json& record, const policy::Diagnostics& found) {
  const auto pipeline = text_of(record, "pipeline");
  const bool decided = !pipeline.empty() && pipeline != "undecided";
  const bool valid = (decided ? pipeline : text_of(record, "verdict")) == "valid";
  const auto told = "\n" + found.text();
  if (valid) return found.has_errors() ? "wanted valid, found invalid" + told : std::string();
  if (!found.has_errors()) return "wanted invalid " + joined(wanted_paths(record)) + ", found valid";
  const auto& schema = member(record, "schema");
  if (schema.is_object() && schema.value("ok", false) && schema_refuses(found))
    return "the schema refuses what upstream's accepts" + told;
  // Violations of a decoder end the judging before the validators.
  if (text_of(record, "stage") == "decode") return {};
  const auto wanted = wanted_paths(record);
  const auto paths = found_paths(found);
  if (wanted == paths) return {};
  return "wanted " + joined(wanted) + ", found " + joined(paths) + told;
}

Outcome<> run_case(const std::filesystem::path& root, const Version& version, const Json& record,
                   Report& report) {
  const auto kind = text_of(record, "kind");
  const auto group = version.name + " validate " + kind;
  const auto id = version.name + " " + text_of(record, "id");
  const auto text = read_text(root / text_of(record, "file"));
  if (!text) return std::unexpected(text.error());
  if (kind.starts_with("fragment-")) {
    const auto found = judge_fragment(kind, *text, member(record, "options"), version.dialect);
    report.judge(group, id, found ? difference(record, *found) : "no function for " + kind);
    return {};
  }
  policy::CheckOptions options;
  options.dialect = version.dialect;
  const auto checked = policy::check_text(*text, id, options);
  const auto* info = policy::find_kind(kind);
  if (info != nullptr && info->support == policy::Support::refused) {
    if (!checked.diagnostics.has_errors()) report.judge(group, id, "an old kind is accepted");
    report.apart(group, "old source/destination kinds, all refused");
    return {};
  }
  report.judge(group, id, difference(record, checked.diagnostics));
  return {};
}

}  // namespace

Outcome<> run_validate(const std::filesystem::path& corpus, const Version& version, Report& report) {
  const auto root = corpus / version.name / "validate";
  if (!std::filesystem::exists(root)) return {};
  const auto index = read_index(root / "index.jsonl");
  if (!index) return std::unexpected(index.error());
  for (const auto& record : *index) {
    if (auto done = run_case(root, version, record, report); !done) return done;
  }
  return {};
}

}  // namespace sluice::conformance
