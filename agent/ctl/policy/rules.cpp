// What all policies together say of one proxy, as Kuma's inspect API answers it.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "ctl/policy/fetch.h"
#include "ctl/policy/policy.h"
#include "ctl/policy/proxies.h"
#include "ctl/policy/rules_compare.h"
#include "ctl/table.h"
#include "policy/rules/inspect_json.h"

namespace sluice::ctl {
namespace {

constexpr std::size_t kMaxDifferences = 100;

struct RulesFlags {
  std::vector<std::string> paths;
  std::string mesh = "default";
  std::string dataplane;
  std::string against;
  policy::CheckOptions options;
};

Json difference_json(const RulesDifference& one) {
  const auto side = [](const std::string& text) { return text.empty() ? Json() : Json::parse(text); };
  return {{"kind", one.kind},
          {"part", one.part},
          {"about", one.place},
          {"here", side(one.here)},
          {"there", side(one.there)}};
}

std::string difference_text(const RulesDifference& one) {
  const auto side = [](const std::string& text) { return text.empty() ? "nothing" : printable(text); };
  return printable(fmt::format("{} {} {}", one.kind, one.part, one.place)) + "\n  here:  " + side(one.here) +
         "\n  there: " + side(one.there) + "\n";
}

int compare(const Session& session, const RulesFlags& flags, const Json& here) {
  auto base = flags.against;
  while (base.ends_with('/')) base.pop_back();
  const auto there =
      fetch_json(fmt::format("{}/meshes/{}/dataplanes/{}/_rules", base, flags.mesh, flags.dataplane));
  if (!there) return session.fail(there.error());
  const auto differences = compare_rules(here, *there, kMaxDifferences);
  Json out = Json::array();
  for (const auto& one : differences) out.push_back(difference_json(one));
  session.show(out, [&] {
    std::string text;
    for (const auto& one : differences) text += difference_text(one);
    return text.empty() ? "Both say the same.\n" : text;
  });
  return differences.empty() ? kExitOk : kExitFailed;
}

int rules(const Session& session, const RulesFlags& flags) {
  const auto read = read_world(session, flags.paths, flags.options);
  if (!read) return session.misused(read.error());
  const auto found = find_proxy(read->world, flags.mesh, flags.dataplane);
  if (!found) return session.fail(found.error());
  const auto json =
      Json::parse(policy::inspect_json(policy::rules_for(*found->mesh, found->dataplane)).to_json());
  if (!flags.against.empty()) return compare(session, flags, json);
  session.show(json, [&] { return json.dump(2) + "\n"; });
  return kExitOk;
}

}  // namespace

void add_policy_rules(Verbs& verbs) {
  const auto flags = std::make_shared<RulesFlags>();
  auto& verb =
      verbs.add("rules", "Shows what all policies together say of one proxy, as Kuma's inspect API does.",
                "sluice policy rules --dir mesh/ --mesh default --dataplane web-1",
                [flags](const Session& session) { return rules(session, *flags); });
  verb.add_option("--dir", flags->paths, "documents of the mesh: files, directories or - for standard input")
      ->required()
      ->type_name("PATH");
  verb.add_option("--mesh", flags->mesh, "the proxy's mesh")->capture_default_str()->type_name("NAME");
  verb.add_option("--dataplane", flags->dataplane, "the proxy")->required()->type_name("NAME");
  verb.add_option("--against", flags->against,
                  "compare with what the control plane whose API is here answers; exit 1 when it differs")
      ->type_name("URL");
  add_judging(verb, flags->options);
}

}  // namespace sluice::ctl
