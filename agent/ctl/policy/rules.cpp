// What all policies together say of one proxy, as Kuma's inspect API answers it.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "ctl/policy/policy.h"
#include "policy/rules/inspect_json.h"

namespace sluice::ctl {
namespace {

struct RulesFlags {
  std::vector<std::string> paths;
  std::string mesh = "default";
  std::string dataplane;
  policy::CheckOptions options;
};

std::string names(std::span<const policy::Resource* const> resources) {
  std::string out;
  for (const auto* resource : resources.first(std::min<std::size_t>(resources.size(), 10)))
    out += (out.empty() ? "" : ", ") + resource->name;
  return out.empty() ? "none" : out + (resources.size() > 10 ? ", ..." : "");
}

Outcome<policy::Node> rules_of(const policy::World& world, const RulesFlags& flags) {
  const auto mesh = world.meshes.find(flags.mesh);
  if (mesh == world.meshes.end())
    return fault("there is no mesh " + flags.mesh, "name another with --mesh, or give its documents too");
  const auto dataplanes = mesh->second.of_kind("Dataplane");
  const auto found = std::ranges::find(dataplanes, flags.dataplane, &policy::Resource::name);
  if (found == dataplanes.end()) {
    return fault("the mesh " + flags.mesh + " has no Dataplane " + flags.dataplane,
                 "name one of: " + names(dataplanes));
  }
  const auto dataplane = policy::DataplaneModel::read(**found);
  return policy::inspect_json(policy::rules_for(mesh->second, dataplane));
}

// What was refused is left out, as a control plane does not have it either; the user is told.
void tell_errors(const policy::Diagnostics& diagnostics, std::ostream& err) {
  policy::Diagnostics errors;
  for (const auto& one : diagnostics.list()) {
    if (one.severity == policy::Severity::error) errors.add(one);
  }
  if (errors.has_errors()) err << lines_text(errors);
}

int rules(const Session& session, const RulesFlags& flags) {
  auto documents = read_documents(flags.paths, flags.options, session.terminal().in);
  if (!documents) return session.misused(documents.error());
  policy::Diagnostics diagnostics;
  const auto world = policy::World::from(documents->resources, diagnostics, flags.options.dialect);
  documents->diagnostics.push_back(std::move(diagnostics));
  for (const auto& one : documents->diagnostics) tell_errors(one, session.terminal().err);
  const auto answer = rules_of(world, flags);
  if (!answer) return session.fail(answer.error());
  const auto json = Json::parse(answer->to_json());
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
  add_judging(verb, flags->options);
}

}  // namespace sluice::ctl
