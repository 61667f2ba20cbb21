#include "policy/engine/compile.h"

namespace sluice::policy {

std::uint32_t Numbers::mesh(const std::string& name) {
  return meshes_.try_emplace(name, static_cast<std::uint32_t>(meshes_.size() + 1)).first->second;
}

WorkloadId Numbers::workload(const std::string& mesh, const std::string& dataplane) {
  const auto next = static_cast<std::uint32_t>(workloads_.size() + 1);
  return WorkloadId(workloads_.try_emplace(mesh + "/" + dataplane, next).first->second);
}

}  // namespace sluice::policy
