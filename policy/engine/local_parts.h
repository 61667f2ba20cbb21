// What the policies say of one local workload, in two parts that depend on different policies. A part has
// numbers of its own for rules, permission sets and shared HTTP parts; tables.h gives it the table's. So a
// part that was made for one table goes into the next one as well.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "policy/document/diagnostic.h"
#include "policy/engine/http/client_http.h"
#include "policy/engine/services.h"
#include "policy/engine/world.h"
#include "policy/table/image.h"

namespace sluice::policy {

struct InboundPart {
  WorkloadImage workload;  // without its number
  std::vector<RuleRef> rules;
  std::vector<Permissions> permissions;
  std::vector<HttpInboundImage> http;
  std::vector<ClusterImage> clusters;
};

struct OutboundPart {
  std::vector<OutboundImage> outbounds;
  std::vector<RuleRef> rules;
  std::vector<HttpOutboundImage> http;
  std::vector<ClusterImage> clusters;
  Diagnostics diagnostics;
};

// `base`: what is told of a workload that is not local.
InboundPart inbound_part(const MeshWorld& mesh, const DataplaneModel& dataplane, WorkloadImage base);

// Where a workload and the services of its mesh stand in the table.
struct OutboundPlaces {
  std::uint32_t workload = 0;
  std::uint32_t first_service = 0;
};
// The addresses at which a client listens for each service it declares, by the service's number in the mesh.
using DeclaredOutbounds = std::map<std::uint32_t, std::vector<SocketAddr>>;

OutboundPart outbound_part(const MeshHttp& http, std::span<const ServiceModel> services,
                           const DataplaneModel& dataplane, const DeclaredOutbounds& declared,
                           const OutboundPlaces& places);

}  // namespace sluice::policy
