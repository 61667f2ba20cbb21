// One worker's way to the node's clusters: a chooser for each way in which its newest table uses the
// endpoints of a service, made when it is first asked for and kept as long as that table is. Belongs to the
// worker.
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

  // The newest table from now on.
  void follow(std::shared_ptr<const policy::Table> table);

  // `route` and `permit` borrow from `table`. One that is older than the newest, as a connection that is
  // still being set up may hold it, gets a chooser that is not kept. Null: an address outside the mesh, which
  // is no service. Where policy says nothing, endpoints are used in turn and without limits.
  std::shared_ptr<Chooser> of(const std::shared_ptr<const policy::Table>& table,
                              const policy::OutboundRoute& route, MonoTime now);
  // The application behind an inbound, as a cluster of one. Null: nothing was said of it.
  std::shared_ptr<Chooser> of(const std::shared_ptr<const policy::Table>& table, const policy::Permit& permit,
                              MonoTime now);
  // Makes the newest table's clusters whose policy asks for active health checks, so that endpoints are known
  // before the first request, and keeps them in use.
  void watch_all(MonoTime now);

 private:
  struct Key {
    const policy::ClusterImage* image;
    std::uint32_t service;  // kNone: the inbound at `address`
    SocketAddr address;
    auto operator<=>(const Key&) const = default;
  };
  using TablePtr = std::shared_ptr<const policy::Table>;
  std::shared_ptr<Chooser> known(const TablePtr& table, const Key& key) const;  // null: not yet
  std::shared_ptr<Chooser> make(const TablePtr& table, const Key& key, const ServiceKey& service,
                                WorkloadId user, std::span<const Seed> seeds, MonoTime now);

  Registry& registry_;
  Random random_;
  std::shared_ptr<const policy::Table> table_;  // that the keys borrow from
  std::map<Key, std::shared_ptr<Chooser>> choosers_;
};

}  // namespace sluice::upstream
