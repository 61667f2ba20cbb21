// MeshExternalService (kuma.md 1.4): destinations outside the mesh, to which clients of the mesh go by name,
// VIP or declared outbound. Each one is served by a workload of its own in the table, one inbound per
// endpoint, which nobody reaches by dialling the endpoint's address.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/document/diagnostic.h"
#include "policy/engine/host_addresses.h"
#include "policy/engine/world.h"
#include "policy/table/image.h"

namespace sluice::policy {

struct ExternalService {
  struct Endpoint {
    SocketAddr address;
    std::int64_t priority = 0;  // as it was written
    std::string name{};         // empty: an address was written
    bool operator==(const Endpoint&) const = default;
  };
  const Resource* resource = nullptr;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  std::vector<SocketAddr> vips;
  std::vector<Endpoint> endpoints;  // those that can be served
  HostNames names;                  // that stand for addresses
  std::vector<ExternalTls> tls;     // at most one
  Diagnostics problems;             // why the others cannot

  // Not that of a kuma.io/service or MeshService with the same name.
  std::string service_name() const { return resource->name + ".extsvc"; }
  // 0 for the endpoints that come first, without gaps. Empty: all are alike.
  std::vector<std::uint8_t> priorities() const;
};

ExternalService external_service(const Resource& resource, const MeshWorld& mesh, const HostAddresses& hosts);
// All of the mesh, by name.
std::vector<ExternalService> external_services(const MeshWorld& mesh, const HostAddresses& hosts);

WorkloadImage external_workload(const ExternalService& service, std::uint32_t mesh);

}  // namespace sluice::policy
