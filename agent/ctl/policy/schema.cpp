#include <CLI/CLI.hpp>

#include "ctl/policy/json_schema.h"
#include "ctl/policy/policy.h"

namespace sluice::ctl {
namespace {

struct SchemaFlags {
  std::string kind;
  policy::CheckOptions options;
  bool reference = false;
};

int show_schema(const Session& session, const SchemaFlags& flags) {
  if (flags.reference) {
    session.terminal().out << reference_page();
    return kExitOk;
  }
  const auto* kind = policy::find_kind(flags.kind);
  if (kind == nullptr) {
    const auto near = policy::nearest_kind(flags.kind);
    return session.misused(
        {flags.kind.empty() ? "schema needs a KIND or --reference" : "unknown kind \"" + flags.kind + "\"",
         near.empty() ? "docs/policy-reference.md lists the kinds"
                      : "did you mean " + std::string(near) + "?"});
  }
  if (kind->support == policy::Support::refused)
    return session.misused({"the old policy kind " + flags.kind + " is refused",
                            "replace it by " + std::string(kind->replaced_by)});
  if (kind->until_kuma_2 && flags.options.dialect == policy::Dialect::kuma_3)
    return session.misused({"Kuma 3 has no kind \"" + flags.kind + "\"", ""});
  const auto schema = document_schema(*kind, flags.options.dialect);
  session.show(schema, [&] { return schema.dump(2) + "\n"; });
  return kExitOk;
}

}  // namespace

void add_policy_schema(Verbs& verbs) {
  const auto flags = std::make_shared<SchemaFlags>();
  auto& verb = verbs.add("schema", "Prints the JSON Schema of a kind, for editors.",
                         "sluice policy schema MeshTimeout > mesh-timeout.schema.json",
                         [flags](const Session& session) { return show_schema(session, *flags); });
  verb.add_option("kind", flags->kind, "kind, such as MeshTimeout");
  add_dialect(verb, flags->options);
  verb.add_flag("--reference", flags->reference, "the fields of every kind as a page of Markdown instead");
}

}  // namespace sluice::ctl
