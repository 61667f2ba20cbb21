// The effective configuration of one proxy: every destination and inbound with what is set for it, and by
// whom.
#include <CLI/CLI.hpp>

#include "ctl/policy/effective_json.h"
#include "ctl/policy/effective_rows.h"
#include "ctl/policy/policy.h"
#include "ctl/policy/proxies.h"
#include "ctl/table.h"

namespace sluice::ctl {
namespace {

struct ResolveFlags {
  std::vector<std::string> paths;
  std::string mesh = "default";
  std::string dataplane;
  policy::CheckOptions options;
};

std::string effective_text(const policy::EffectiveProxy& proxy, bool colour) {
  Table table({"PART", "POLICY", "FOR", "FIELD", "VALUE", "SET BY"});
  for (const auto& row : effective_rows(proxy))
    table.add({row.part, row.kind, row.who, row.field, row.value, row.place()});
  if (table.empty()) return "No policy speaks of this proxy.\n";
  return table.render(colour);
}

int resolve(const Session& session, const ResolveFlags& flags) {
  const auto read = read_world(session, flags.paths, flags.options);
  if (!read) return session.misused(read.error());
  const auto found = find_proxy(read->world, flags.mesh, flags.dataplane);
  if (!found) return session.fail(found.error());
  const auto proxy = policy::effective_for(*found->mesh, found->dataplane);
  session.show(effective_json(proxy), [&] { return effective_text(proxy, session.colour()); });
  return kExitOk;
}

}  // namespace

void add_policy_resolve(Verbs& verbs) {
  const auto flags = std::make_shared<ResolveFlags>();
  auto& verb = verbs.add("resolve", "Shows what all policies together set for one proxy, value by value.",
                         "sluice policy resolve --dir mesh/ --dataplane web-1 -o json",
                         [flags](const Session& session) { return resolve(session, *flags); });
  verb.add_option("--dir", flags->paths, "documents of the mesh: files, directories or - for standard input")
      ->required()
      ->type_name("PATH");
  verb.add_option("--mesh", flags->mesh, "the proxy's mesh")->capture_default_str()->type_name("NAME");
  verb.add_option("--dataplane", flags->dataplane, "the proxy")->required()->type_name("NAME");
  add_judging(verb, flags->options);
}

}  // namespace sluice::ctl
