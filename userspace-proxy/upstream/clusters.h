// One worker's way to the node's clusters: a chooser for each way in which its table uses the endpoints of a
// service, made when it is first asked for and kept as long as the table. Belongs to the worker.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "policy/table/table.h"
#include "upstream/chooser.h"
#include "upstream/registry.h"

namespace sluice::upstream {

class Clusters {
 public:
  // The registry outlives it.
  Clusters(Registry& registry, std::uint64_t seed) : registry_(registry), random_(seed) {}

  // `route` and `permit` borrow from `table`, which is the newest one. Null: an address outside the mesh,
  // which is no service. Where policy says nothing, endpoints are used in turn and without limits.
  std::shared_ptr<Chooser> of(const std::shared_ptr<const policy::Table>& table,
                              const policy::OutboundRoute& route, MonoTime now);
  // The application behind an inbound, as a cluster of one. Null: nothing was said of it.
  std::shared_ptr<Chooser> of(const std::shared_ptr<const policy::Table>& table, const policy::Permit& permit,
                              MonoTime now);
  // Makes, or keeps in use, the clusters whose policy asks for active health checks, so that endpoints are
  // known before the first request.
  void watch_all(const std::shared_ptr<const policy::Table>& table, MonoTime now);

 private:
  struct Key {
    const policy::ClusterImage* image;
    std::uint32_t service;  // kNone: the inbound at `address`
    SocketAddr address;
    auto operator<=>(const Key&) const = default;
  };
  void follow(const std::shared_ptr<const policy::Table>& table);
  std::shared_ptr<Chooser> make(const Key& key, const ServiceKey& service, WorkloadId user,
                                std::span<const Seed> seeds, MonoTime now);

  Registry& registry_;
  Random random_;
  std::shared_ptr<const policy::Table> table_;  // that the keys borrow from
  std::map<Key, std::shared_ptr<Chooser>> choosers_;
};

}  // namespace sluice::upstream
