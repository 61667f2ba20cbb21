#include "policy/engine/compile.h"

#include <utility>

#include "policy/engine/compilation.h"
#include "policy/engine/live_world.h"
#include "policy/engine/mesh_compiler.h"

namespace sluice::policy {

struct Compiler::Memory {
  LiveWorld live;
  std::map<std::string, MeshMemory> meshes;
  HostAddresses hosts;
  Work work;
};

Compiler::Compiler() : memory_(std::make_unique<Memory>()) {}
Compiler::~Compiler() = default;

const Compiler::Work& Compiler::work() const {
  return memory_->work;
}

Compiled Compiler::compile(std::span<const ResourcePtr> resources, const std::string& node,
                           const std::string&, Numbers& numbers, const HostAddresses& hosts) {
  Compilation compilation(node, numbers, hosts);
  const auto changes = memory_->live.update(resources);
  if (changes.everything) {
    memory_->meshes.clear();
    ++compilation.work.worlds;
  }
  compilation.hosts_changed = memory_->hosts != hosts;
  memory_->hosts = hosts;
  std::map<std::string, MeshChanges> by_mesh;
  for (const auto& one : changes.gone) by_mesh[one->mesh].gone.push_back(one.get());
  for (const auto& one : changes.come) by_mesh[one->mesh].come.push_back(one.get());
  compilation.out.diagnostics.append(memory_->live.diagnostics());
  for (const auto& [name, mesh] : memory_->live.world().meshes)
    MeshCompiler(compilation, mesh, memory_->meshes[name], by_mesh[name]).run();
  compilation.finish();
  memory_->work = compilation.work;
  return std::move(compilation.out);
}

Compiled compile(const CompileInput& input, Numbers& numbers) {
  // Borrowed, since nothing is kept.
  std::vector<ResourcePtr> pointers;
  pointers.reserve(input.resources.size());
  for (const auto& resource : input.resources) pointers.emplace_back(ResourcePtr(), &resource);
  return Compiler().compile(pointers, input.node, input.zone, numbers, input.hosts);
}

}  // namespace sluice::policy
