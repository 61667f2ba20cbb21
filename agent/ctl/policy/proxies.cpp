#include "ctl/policy/proxies.h"

#include <algorithm>
#include <span>

namespace sluice::ctl {
namespace {

std::string names(std::span<const policy::Resource* const> resources) {
  std::string out;
  for (const auto* resource : resources.first(std::min<std::size_t>(resources.size(), 10)))
    out += (out.empty() ? "" : ", ") + resource->name;
  return out.empty() ? "none" : out + (resources.size() > 10 ? ", ..." : "");
}

}  // namespace

Outcome<ReadWorld> read_world(const Session& session, const std::vector<std::string>& paths,
                              const policy::CheckOptions& options) {
  auto documents = read_documents(paths, options, session.terminal().in);
  if (!documents) return std::unexpected(documents.error());
  ReadWorld out{std::make_unique<Documents>(std::move(*documents)), {}};
  policy::Diagnostics diagnostics;
  out.world = policy::World::from(out.documents->resources, diagnostics, options.dialect);
  for (const auto& one : out.documents->diagnostics) tell_errors(one, session.terminal().err);
  tell_errors(diagnostics, session.terminal().err);
  return out;
}

Outcome<FoundProxy> find_proxy(const policy::World& world, const std::string& mesh,
                               const std::string& dataplane) {
  const auto found = world.meshes.find(mesh);
  if (found == world.meshes.end())
    return fault("there is no mesh " + mesh, "name another with --mesh, or give its documents too");
  const auto dataplanes = found->second.of_kind("Dataplane");
  const auto one = std::ranges::find(dataplanes, dataplane, &policy::Resource::name);
  if (one == dataplanes.end())
    return fault("the mesh " + mesh + " has no Dataplane " + dataplane, "name one of: " + names(dataplanes));
  return FoundProxy{&found->second, policy::DataplaneModel::read(**one)};
}

}  // namespace sluice::ctl
