#include "policy/table/places.h"

#include <algorithm>

namespace sluice::policy {
namespace {

bool same_service(const WorkloadImage& a, const WorkloadImage& b) {
  return a.name == b.name && std::ranges::equal(a.tls, b.tls, {}, &ExternalTls::trust, &ExternalTls::trust);
}

bool same_place(const WorkloadImage& a, const WorkloadImage& b) {
  return a.id == b.id && a.mesh == b.mesh && a.local == b.local && a.external == b.external &&
         a.addresses == b.addresses && (!a.external || same_service(a, b)) &&
         std::ranges::equal(a.inbounds, b.inbounds, {}, &InboundImage::address, &InboundImage::address);
}

bool same_place(const ServiceImage& a, const ServiceImage& b) {
  return a.mesh == b.mesh && a.backends == b.backends && a.vips == b.vips;
}

template <typename T>
bool all_same(const PartList<T>& a, const PartList<T>& b) {
  return std::ranges::equal(a.parts(), b.parts(), [](const auto& one, const auto& other) {
    return one == other || same_place(*one, *other);
  });
}

}  // namespace

// By names: a mesh's number is one of this table.
std::uint64_t external_key(const TableImage& image, const WorkloadImage& workload) {
  const auto& mesh = image.meshes[workload.mesh];
  WordHash hash;
  hash.add_bytes(mesh.data(), mesh.size());
  hash.add_bytes(workload.name.data(), workload.name.size());
  for (const auto& tls : workload.tls) hash.add_bytes(tls.trust.data(), tls.trust.size());
  return hash.value() | 1U;
}

Places::Places(const TableImage& image) {
  by_address.reserve(image.workloads.size());
  endpoints.reserve(image.workloads.size());
  for (std::uint32_t i = 0; i < image.workloads.size(); ++i) add_workload(image, i);
  for (std::uint32_t i = 0; i < image.services.size(); ++i) {
    const auto& service = image.services[i];
    for (const auto& vip : service.vips) vips.insert({service.mesh, vip}, i);
    for (const auto& backend : service.backends) {
      const auto& server = image.workloads[backend.workload];
      const auto& address = server.inbounds[backend.inbound].address;
      if (server.external) continue;
      auto* found = endpoints.find({service.mesh, address});
      if (found != nullptr && found->service == EndpointEntry::kNoService) found->service = i;
    }
  }
}

void Places::add_workload(const TableImage& image, std::uint32_t position) {
  const auto& workload = image.workloads[position];
  if (workload.local) add_local(workload, position);
  if (workload.external) {
    if (!workload.inbounds.empty()) externals.insert(external_key(image, workload), true);
    return;
  }
  for (const auto& address : workload.addresses) by_address.add(address, position);
  for (std::uint32_t i = 0; i < workload.inbounds.size(); ++i) {
    const auto& address = workload.inbounds[i].address;
    endpoints.insert({workload.mesh, address}, {{position, i}, EndpointEntry::kNoService});
  }
}

void Places::add_local(const WorkloadImage& workload, std::uint32_t position) {
  const auto key = number(workload.id);
  locals.insert(key, position);
  local_places.push_back(position);
  for (std::uint32_t i = 0; i < workload.inbounds.size(); ++i)
    inbounds.add((std::uint64_t{key} << 16) | workload.inbounds[i].address.port, i);
}

bool same_places(const TableImage& a, const TableImage& b) {
  return a.meshes == b.meshes && all_same(a.workloads, b.workloads) && all_same(a.services, b.services);
}

}  // namespace sluice::policy
