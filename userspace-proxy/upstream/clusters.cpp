#include "upstream/clusters.h"

#include <utility>
#include <vector>

namespace sluice::upstream {
namespace {

const policy::ClusterImage kNothingSaid;

std::vector<Seed> seeds_of(const policy::OutboundRoute& route) {
  std::vector<Seed> seeds;
  seeds.reserve(route.size());
  for (std::size_t i = 0; i < route.size(); ++i)
    seeds.push_back({.address = route.permit(i).address(), .tags = route.endpoint(i).inbound.tags});
  return seeds;
}

}  // namespace

void Clusters::follow(std::shared_ptr<const policy::Table> table) {
  if (table == table_) return;
  choosers_.clear();
  table_ = std::move(table);
}

std::shared_ptr<Chooser> Clusters::known(const TablePtr& table, const Key& key) const {
  const auto found = table == table_ ? choosers_.find(key) : choosers_.end();
  return found == choosers_.end() ? nullptr : found->second;
}

std::shared_ptr<Chooser> Clusters::make(const TablePtr& table, const Key& key, const ServiceKey& service,
                                        WorkloadId user, std::span<const Seed> seeds, MonoTime now) {
  auto cluster = registry_.cluster(service, *key.image, seeds, now, user);
  auto chooser = std::make_shared<Chooser>(std::move(cluster), random_.next());
  if (table == table_) choosers_.emplace(key, chooser);
  return chooser;
}

std::shared_ptr<Chooser> Clusters::of(const std::shared_ptr<const policy::Table>& table,
                                      const policy::OutboundRoute& route, MonoTime now) {
  const std::uint32_t index = route.service_index();
  if (index == policy::kNone) return nullptr;
  const policy::ClusterImage* image = route.cluster();
  const Key key{image == nullptr ? &kNothingSaid : image, index, {}};
  if (auto chooser = known(table, key)) return chooser;
  const auto& service = table->image().services[index];
  return make(table, key, {table->image().meshes[service.mesh], service.name}, route.client().id,
              seeds_of(route), now);
}

std::shared_ptr<Chooser> Clusters::of(const std::shared_ptr<const policy::Table>& table,
                                      const policy::Permit& permit, MonoTime now) {
  const auto* server = permit.cluster() == nullptr ? nullptr : table->workload(permit.server());
  if (server == nullptr) return nullptr;
  const Key key{permit.cluster(), policy::kNone, permit.address()};
  if (auto chooser = known(table, key)) return chooser;
  const Seed application{.address = permit.address(), .tags = {}};
  const std::string inbound = "inbound " + server->name + " " + permit.address().text();
  return make(table, key, {table->image().meshes[server->mesh], inbound}, server->id,
              std::span(&application, 1), now);
}

void Clusters::watch_all(MonoTime now) {
  const TablePtr table = table_;
  const auto& image = table->image();
  for (const auto& outbound : image.outbounds) {
    if (outbound.cluster == policy::kNone) continue;
    if (image.clusters[outbound.cluster].health.kind == policy::HealthCheck::Kind::none) continue;
    const auto route = table->route_backend(image.workloads[outbound.workload].id, outbound.service);
    if (const auto* found = std::get_if<policy::OutboundRoute>(&route)) of(table, *found, now);
  }
}

}  // namespace sluice::upstream
