#include "policy/engine/kernel_intent.h"

#include <algorithm>
#include <unordered_map>

#include "policy/engine/compilation.h"

namespace sluice::policy {
namespace {

template <typename T>
void sort_unique(std::vector<T>& values) {
  std::ranges::sort(values);
  values.erase(std::ranges::unique(values).begin(), values.end());
}

WorkloadIntent workload_intent(const WorkloadImage& workload, std::uint32_t mesh) {
  WorkloadIntent out;
  out.id = workload.id;
  out.mesh = mesh;
  out.passthrough = workload.passthrough;
  for (const auto& inbound : workload.inbounds) out.inbounds.push_back(inbound.address);
  for (const auto& match : workload.passthrough_matches) {
    const bool every_port = match.first_port == 0;
    out.allowed.push_back({match.prefix, every_port ? std::uint16_t{1} : match.first_port,
                           every_port ? std::uint16_t{65535} : match.last_port});
  }
  return out;
}

}  // namespace

std::vector<WorkloadIntent> workload_intents(const TableImage& table, const std::vector<MeshIntent>& meshes) {
  std::vector<WorkloadIntent> out;
  std::unordered_map<std::uint32_t, std::size_t> places;  // of local workloads by their place in the table
  for (std::uint32_t i = 0; i < table.workloads.size(); ++i) {
    const auto& workload = table.workloads[i];
    if (!workload.local) continue;
    places[i] = out.size();
    out.push_back(workload_intent(workload, meshes[workload.mesh].number));
  }
  for (const auto& outbound : table.outbounds) {
    auto& own = out[places.at(outbound.workload)].outbounds;
    own.insert(own.end(), outbound.addresses.begin(), outbound.addresses.end());
  }
  for (auto& intent : out) {
    sort_unique(intent.inbounds);
    sort_unique(intent.outbounds);
  }
  return out;
}

std::vector<SocketAddr> mesh_destinations(const PartList<WorkloadImage>& workloads, std::size_t first,
                                          const PartList<ServiceImage>& services, std::size_t first_service) {
  std::vector<SocketAddr> out;
  for (std::size_t i = first; i < workloads.size(); ++i) {
    if (workloads[i].external) continue;
    for (const auto& inbound : workloads[i].inbounds) out.push_back(inbound.address);
  }
  for (std::size_t i = first_service; i < services.size(); ++i)
    out.insert(out.end(), services[i].vips.begin(), services[i].vips.end());
  sort_unique(out);
  return out;
}

}  // namespace sluice::policy
