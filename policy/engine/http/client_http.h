// What one local client workload does with requests to, and endpoints of, each service of its mesh: all
// policies with `to` items except connection timeouts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "policy/document/diagnostic.h"
#include "policy/engine/http/aimed_items.h"
#include "policy/engine/http/balancing.h"
#include "policy/engine/http/lua_filters.h"
#include "policy/engine/http/pools.h"
#include "policy/engine/http/routes.h"
#include "policy/engine/rule_book.h"
#include "policy/engine/services.h"
#include "policy/table/image.h"

namespace sluice::policy {

// The parts of an OutboundImage. Numbers of services are those of the table, the others those of the
// ClientHttp.
struct OutboundHttp {
  std::uint32_t http = kNone;
  std::uint32_t cluster = kNone;
  std::vector<WeightedBackend> split;
  RuleIndex split_rule = RuleIndex::built_in;
};

// What all clients of one mesh share. Resolves every backend that a route of the mesh names, which may add
// services: make it before the services are counted.
class MeshHttp {
 public:
  // All of them must outlive it.
  MeshHttp(const MeshWorld& mesh, ServiceRegistry& services, const Zones& zones, std::uint32_t first_service,
           Diagnostics& diagnostics);

  const MeshWorld& mesh() const { return mesh_; }
  const Zones& zones() const { return zones_; }
  // The table's number of the service, kNone when the reference means none. `requests`: the service must
  // speak HTTP.
  std::uint32_t backend(const Node& ref, const Resource& policy, bool requests) const;

 private:
  void add_backend(const Resource& policy, const Node& ref, Diagnostics& diagnostics);
  void add_rule(const Resource& policy, const Node& rule, Diagnostics& diagnostics);

  const MeshWorld& mesh_;
  ServiceRegistry& services_;
  const Zones& zones_;
  std::uint32_t first_service_;
};

class ClientHttp {
 public:
  // `shared` must outlive it.
  ClientHttp(const MeshHttp& shared, const DataplaneModel& client, RuleBook& rules);
  ClientHttp(const ClientHttp&) = delete;
  ClientHttp& operator=(const ClientHttp&) = delete;

  // The reference holds until the next call.
  const OutboundHttp& of(const ServiceModel& service);
  // Rules that could not be taken over, each said once.
  const Diagnostics& diagnostics() const { return diagnostics_; }
  // What the numbers of all that it gave mean.
  std::vector<HttpOutboundImage> take_http() { return http_.take(); }
  std::vector<ClusterImage> take_clusters() { return clusters_.take(); }

 private:
  struct Merged;
  // Everything that can make two services differ, but for their endpoints.
  using Said = std::vector<const void*>;
  struct Items;
  Items items_for(const ServiceModel& service) const;
  OutboundHttp make(const ServiceModel& service, const Items& items);
  std::optional<HttpOutboundImage> requests(const ServiceModel& service, const Merged& merged,
                                            const ClusterImage& cluster);
  void add_route(const OrderedMatch& one, const ServiceModel& service, HttpOutboundImage& out);
  void settle(const Resource* route, const ServiceModel& service, RouteImage& out, HttpOutboundImage& image);
  void add_split(const ServiceModel& service, OutboundHttp& out) const;
  void too_many(const RouteRule& rule);

  const MeshHttp& shared_;
  const DataplaneModel& client_;
  RuleBook& rules_;
  Diagnostics diagnostics_;
  AimedItems routes_;
  AimedItems tcp_routes_;
  AimedItems timeouts_;
  AimedItems retries_;
  AimedItems breakers_;
  AimedItems health_;
  AimedItems balancing_;
  LuaFilters lua_;
  Pool<HttpOutboundImage> http_;
  Pool<ClusterImage> clusters_;
  std::map<Said, OutboundHttp> known_;  // most services are spoken of alike
  OutboundHttp last_;
};

}  // namespace sluice::policy
