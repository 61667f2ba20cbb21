#include "policy/engine/kernel_intent.h"

#include <algorithm>

#include "policy/engine/compilation.h"

namespace sluice::policy {
namespace {

template <typename T>
void sort_unique(std::vector<T>& values) {
  std::ranges::sort(values);
  values.erase(std::ranges::unique(values).begin(), values.end());
}

WorkloadIntent workload_intent(const TableImage& table, std::uint32_t position, std::uint32_t mesh) {
  const auto& workload = table.workloads[position];
  WorkloadIntent out;
  out.id = workload.id;
  out.mesh = mesh;
  out.passthrough = workload.passthrough;
  for (const auto& inbound : workload.inbounds) out.inbounds.push_back(inbound.address);
  for (const auto& outbound : table.outbounds) {
    if (outbound.workload != position) continue;
    out.outbounds.insert(out.outbounds.end(), outbound.addresses.begin(), outbound.addresses.end());
  }
  for (const auto& match : workload.passthrough_matches) {
    const bool every_port = match.first_port == 0;
    out.allowed.push_back({match.prefix, every_port ? std::uint16_t{1} : match.first_port,
                           every_port ? std::uint16_t{65535} : match.last_port});
  }
  sort_unique(out.inbounds);
  sort_unique(out.outbounds);
  return out;
}

}  // namespace

KernelIntent kernel_intent(const TableImage& table, const std::vector<std::uint32_t>& mesh_numbers) {
  KernelIntent out;
  for (std::size_t i = 0; i < table.meshes.size(); ++i)
    out.meshes.push_back({mesh_numbers[i], table.meshes[i], {}});
  for (std::uint32_t i = 0; i < table.workloads.size(); ++i) {
    const auto& workload = table.workloads[i];
    auto& destinations = out.meshes[workload.mesh].destinations;
    for (const auto& inbound : workload.inbounds) destinations.push_back(inbound.address);
    if (workload.local) out.workloads.push_back(workload_intent(table, i, mesh_numbers[workload.mesh]));
  }
  for (const auto& service : table.services) {
    auto& destinations = out.meshes[service.mesh].destinations;
    destinations.insert(destinations.end(), service.vips.begin(), service.vips.end());
  }
  for (auto& mesh : out.meshes) sort_unique(mesh.destinations);
  return out;
}

}  // namespace sluice::policy
