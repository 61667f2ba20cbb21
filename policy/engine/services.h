// The services of a mesh: one per kuma.io/service tag, one per port of each MeshService and
// MeshMultiZoneService, and one per distinct tag set that an outbound asks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "policy/engine/dataplane_moves.h"
#include "policy/engine/external_services.h"
#include "policy/engine/world.h"
#include "policy/table/image.h"

namespace sluice::policy {

class EndpointIndex;
class ServiceSelector;

struct ServiceModel {
  std::string name;
  Protocol protocol = Protocol::tcp;
  // Ready ones; workload is the index into MeshWorld::dataplanes, behind them those of externals().
  std::vector<BackendImage> backends;
  std::vector<SocketAddr> vips;
  // Of the backends: 0 first, the others when those before cannot serve. Empty: all are alike.
  std::vector<std::uint8_t> priorities;
  // How `to` items name it: the old kuma.io/service name, or a MeshService or MeshMultiZoneService and its
  // port.
  std::string service_tag;
  const Resource* mesh_service = nullptr;
  std::string port_name;
  std::uint16_t port = 0;
  std::shared_ptr<const ServiceSelector> selector;  // of a MeshService
  Tags tags;                                        // of one that was made for a set of tags
  PartList<ServiceImage>::Pointer part;             // of the table; null: not made yet, see make_parts()

  // The same to a client, which endpoints it has apart.
  bool same_to_clients(const ServiceModel& other) const;
};

class ServiceRegistry {
 public:
  ServiceRegistry(const MeshWorld& mesh, const HostAddresses& hosts);

  const std::vector<ServiceModel>& services() const { return services_; }
  const std::vector<ExternalService>& externals() const { return externals_; }
  struct Resolved {
    std::uint32_t service = 0;
    bool found = false;  // false: the service was made up, without backends
  };
  // The service that this outbound means; adds one for a new tag set or an unknown reference.
  Resolved resolve(const OutboundModel& outbound, const DataplaneModel& client);
  // The service that a route's backendRef means (kuma.md 2.0); nothing when there is none. add_backend() is
  // to be called first: it makes services for sets of tags.
  void add_backend(const Node& ref, const Resource& policy);
  std::optional<std::uint32_t> find_backend(const Node& ref, const Resource& policy) const;

  // After a change of Dataplanes and, where `named` says so, of MeshServices and MeshMultiZoneServices. What
  // `known` is false for is to be made anew.
  struct Followed {
    bool known = false;
    bool same_to_clients = true;  // all services but those that somebody asked for
  };
  Followed follow(const DataplaneMoves& moves, bool named);
  // After names have other addresses.
  struct Moved {
    bool any = false;  // MeshExternalServices with other endpoints
    bool same_to_clients = true;
  };
  Moved follow_hosts(const HostAddresses& hosts);
  // Forgets the services that add_backend() and resolve() made, to be asked for again.
  void forget_asked();
  // Are those that were asked for since then the ones that were forgotten?
  bool asked_as_before() const;
  // How many services nobody asked for; they come first.
  std::size_t own_count() const { return own_count_; }
  // Gives every service its part of the table; the numbers may change after forget_parts().
  void make_parts(std::uint32_t mesh, std::uint32_t first_workload);
  void forget_parts();

 private:
  class Known;
  bool follow_names(const DataplaneMoves& moves);
  std::vector<BackendImage> followed_backends(const ServiceModel& service, const DataplaneMoves& moves) const;
  bool has(const ServiceModel& service, const DataplaneModel& dataplane, const InboundModel& inbound) const;
  std::vector<BackendImage> gathered_backends(const ServiceModel& service) const;
  void set_protocol(ServiceModel& service) const;
  void add_tag_services();
  bool follow_endpoints(const DataplaneMoves& moves);
  bool follow_named();
  void add_named(std::vector<ServiceModel> known);
  void add_mesh_service(const Resource& resource, const EndpointIndex* index);
  void add_multi_zone_service(const Resource& resource);
  ServiceModel external_model(std::uint32_t number) const;
  Resolved resolve_tags(const Tags& tags);
  std::uint32_t add_unresolved(std::string name);
  std::optional<std::uint32_t> resolve_ref(const BackendRefModel& ref, const DataplaneModel& client) const;

  const MeshWorld& mesh_;
  std::vector<ServiceModel> services_;
  std::vector<ExternalService> externals_;
  std::size_t tag_count_ = 0;  // those of tags come first
  std::size_t own_count_ = 0;
  std::map<Tags, std::uint32_t> by_tags_;
  std::unordered_map<std::string, std::size_t> names_;  // inbounds, ready or not, by kuma.io/service
  std::vector<ServiceModel> forgotten_;
};

// Does a policy's `to` item speak of this service? (kuma.md 3.4)
bool item_concerns(const Resource& policy, const Node& item, const ServiceModel& service);

}  // namespace sluice::policy
