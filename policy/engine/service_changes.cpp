// The registry after a change of Dataplanes: only services that won or lost an endpoint are looked at.
#include <algorithm>
#include <utility>

#include "policy/engine/identity.h"
#include "policy/engine/services.h"

namespace sluice::policy {
namespace {

bool multi_zone(const ServiceModel& service) {
  return service.mesh_service != nullptr && service.mesh_service->kind == "MeshMultiZoneService";
}

}  // namespace

// False: a service has come or gone with a name.
bool ServiceRegistry::follow_names(const DataplaneMoves& moves) {
  for (const auto position : moves.come()) {
    for (const auto& inbound : mesh_.dataplanes[position].inbounds) {
      const auto tag = inbound.tags.find(std::string(kServiceTag));
      if (tag == inbound.tags.end()) continue;
      const auto known = names_.find(tag->second);
      if (known == names_.end()) return false;
      ++known->second;
    }
  }
  for (const auto* resource : moves.gone()) {
    for (const auto& inbound : DataplaneModel::read(*resource).inbounds) {
      const auto tag = inbound.tags.find(std::string(kServiceTag));
      if (tag != inbound.tags.end() && --names_[tag->second] == 0) return false;
    }
  }
  return true;
}

std::vector<BackendImage> ServiceRegistry::followed_backends(const ServiceModel& service,
                                                             const DataplaneMoves& moves) const {
  std::vector<BackendImage> out;
  out.reserve(service.backends.size() + 1);
  for (const auto& backend : service.backends) {
    if (const auto now = moves.now_at(backend.workload)) out.push_back({*now, backend.inbound});
  }
  const auto stayed = out.size();
  for (const auto position : moves.come()) {
    const auto& dataplane = mesh_.dataplanes[position];
    for (std::uint32_t i = 0; i < dataplane.inbounds.size(); ++i) {
      if (has(service, dataplane, dataplane.inbounds[i])) out.push_back({position, i});
    }
  }
  if (out.size() != stayed)
    std::ranges::sort(out, {}, [](const BackendImage& one) { return std::pair(one.workload, one.inbound); });
  return out;
}

ServiceRegistry::Followed ServiceRegistry::follow(const DataplaneMoves& moves) {
  Followed out;
  if (!follow_names(moves)) return out;
  out.known = true;
  for (std::uint32_t i = 0; i < services_.size(); ++i) {
    auto& service = services_[i];
    auto backends = multi_zone(service) ? gathered_backends(service) : followed_backends(service, moves);
    const bool met = std::ranges::any_of(backends, [&](const BackendImage& one) {
      return std::ranges::binary_search(moves.come(), one.workload);
    });
    if (!met && backends == service.backends) continue;
    ServiceModel next = service;
    next.backends = std::move(backends);
    if (service.mesh_service == nullptr) {
      next.protocol = Protocol::tcp;
      set_protocol(next);
    }
    if (i < own_count_) {
      out.same_to_clients = out.same_to_clients && service.same_to_clients(next);
      if (service.backends != next.backends || service.protocol != next.protocol) out.changed.push_back(i);
    }
    service = std::move(next);
  }
  return out;
}

void ServiceRegistry::forget_asked() {
  const auto first = services_.begin() + static_cast<std::ptrdiff_t>(own_count_);
  forgotten_.assign(std::make_move_iterator(first), std::make_move_iterator(services_.end()));
  services_.erase(first, services_.end());
  std::erase_if(by_tags_, [&](const auto& entry) { return entry.second >= own_count_; });
}

bool ServiceRegistry::asked_as_before() const {
  return std::ranges::equal(
      forgotten_.begin(), forgotten_.end(), services_.begin() + static_cast<std::ptrdiff_t>(own_count_),
      services_.end(),
      [](const ServiceModel& before, const ServiceModel& now) { return before.same_to_clients(now); });
}

}  // namespace sluice::policy
