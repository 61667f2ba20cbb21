// The registry after a change: only services with another document or with other endpoints are made anew.
#include <algorithm>
#include <iterator>
#include <span>
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

// Are they the same to clients as before?
bool ServiceRegistry::follow_endpoints(const DataplaneMoves& moves) {
  bool same = true;
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
    if (service.backends != next.backends || service.protocol != next.protocol) next.part = nullptr;
    if (i < own_count_) same = same && service.same_to_clients(next);
    service = std::move(next);
  }
  return same;
}

bool ServiceRegistry::follow_named() {
  const auto first = services_.begin() + static_cast<std::ptrdiff_t>(tag_count_);
  const auto end = services_.begin() + static_cast<std::ptrdiff_t>(own_count_);
  const std::vector<ServiceModel> before(first, end);
  std::vector<ServiceModel> known(std::make_move_iterator(first), std::make_move_iterator(end));
  std::vector<ServiceModel> asked(std::make_move_iterator(end), std::make_move_iterator(services_.end()));
  std::erase_if(by_tags_, [&](const auto& entry) { return entry.second >= own_count_; });
  services_.resize(tag_count_);
  add_named(std::move(known));
  const bool same = std::ranges::equal(before, std::span(services_).subspan(tag_count_),
                                       [](const auto& a, const auto& b) { return a.same_to_clients(b); });
  own_count_ = services_.size();
  std::ranges::move(asked, std::back_inserter(services_));
  return same;
}

ServiceRegistry::Followed ServiceRegistry::follow(const DataplaneMoves& moves, bool named) {
  Followed out;
  if (!follow_names(moves)) return out;
  out.known = true;
  if (moves.any()) out.same_to_clients = follow_endpoints(moves);
  if (named) out.same_to_clients = follow_named() && out.same_to_clients;
  return out;
}

// They are the last ones that nobody asked for.
ServiceRegistry::Moved ServiceRegistry::follow_hosts(const HostAddresses& hosts) {
  Moved out;
  const auto first = static_cast<std::uint32_t>(own_count_ - externals_.size());
  for (std::uint32_t i = 0; i < externals_.size(); ++i) {
    if (externals_[i].names.empty()) continue;
    auto now = external_service(*externals_[i].resource, mesh_, hosts);
    const bool same = now.endpoints == externals_[i].endpoints;
    externals_[i] = std::move(now);
    if (same) continue;
    auto next = external_model(i);
    auto& service = services_[first + i];
    out.any = true;
    out.same_to_clients = out.same_to_clients && service.same_to_clients(next);
    service = std::move(next);
  }
  return out;
}

void ServiceRegistry::make_parts(std::uint32_t mesh, std::uint32_t first_workload) {
  for (auto& service : services_) {
    if (service.part != nullptr) continue;
    ServiceImage image;
    // A name made of many tags is for reading only, and the table's text has a limit.
    image.name = service.name.substr(0, 1024);
    image.mesh = mesh;
    image.protocol = service.protocol;
    image.vips = service.vips;
    for (const auto& backend : service.backends)
      image.backends.push_back({first_workload + backend.workload, backend.inbound});
    service.part = std::make_shared<const SharedPart<ServiceImage>>(std::move(image));
  }
}

void ServiceRegistry::forget_parts() {
  for (auto& service : services_) service.part = nullptr;
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
