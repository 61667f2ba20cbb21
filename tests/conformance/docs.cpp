// Examples of Kuma's documentation: what upstream's schema accepts must be accepted.
#include <algorithm>

#include "classes.h"
#include "data.h"
#include "policy/document/catalog.h"
#include "policy/kinds/check.h"

namespace sluice::conformance {
namespace {

// True for an example of this version that its schema accepts. An example that needs 2.x says nothing of 3.0.
bool counts(const Json& record, const Version& version) {
  const auto& schema = member(member(record, "schema"), version.name.c_str());
  if (!schema.is_object() || !schema.value("ok", false)) return false;
  if (version.dialect == policy::Dialect::kuma_2) return member(record, "in_2_14") == true;
  return text_of(record, "dialect") == "3.0-compatible";
}

bool is_old_kind(const Json& kind) {
  if (!kind.is_string()) return false;
  const auto* info = policy::find_kind(kind.get_ref<const std::string&>());
  return info != nullptr && info->support == policy::Support::refused;
}

std::string kinds_of(const Json& record) {
  std::string out;
  for (const auto& kind : member(record, "kinds"))
    if (kind.is_string()) out += (out.empty() ? "" : "+") + kind.get<std::string>();
  return out;
}

}  // namespace

Outcome<> run_docs(const std::filesystem::path& corpus, const Version& version, Report& report) {
  const auto root = corpus / "docs";
  if (!std::filesystem::exists(root)) return {};
  const auto index = read_index(root / "index.jsonl");
  if (!index) return std::unexpected(index.error());
  for (const auto& record : *index) {
    if (!counts(record, version)) continue;
    const auto file = text_of(record, "file");
    const auto group = version.name + " docs " + kinds_of(record);
    const auto text = read_text(root / file);
    if (!text) return std::unexpected(text.error());
    policy::CheckOptions options;
    options.dialect = version.dialect;
    const auto checked = policy::check_text(*text, file, options);
    const auto& kinds = member(record, "kinds");
    if (kinds.is_array() && std::ranges::any_of(kinds, is_old_kind)) {
      report.apart(group, "examples with an old source/destination kind");
      continue;
    }
    report.judge(group, version.name + " docs/" + file,
                 checked.diagnostics.has_errors() ? "refused\n" + checked.diagnostics.text() : "");
  }
  return {};
}

}  // namespace sluice::conformance
