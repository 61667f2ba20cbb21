// What stays of a mesh when some of its documents changed.
#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "policy/engine/mesh_compiler.h"
#include "policy/engine/select.h"
#include "policy/kinds/validator.h"

namespace sluice::policy {
namespace {

// Which part of a local workload a kind of policy can change when it selects it, and what else.
struct Reach {
  std::string_view kind;
  bool inbound = false;
  bool outbound = false;
  bool services = false;  // those that somebody asks for
  bool named = false;     // those with a document of their own
};
constexpr std::array kReach{Reach{"MeshTrafficPermission", true, false},
                            Reach{"MeshTLS", true, false},
                            Reach{"MeshPassthrough", true, false},
                            Reach{"MeshRateLimit", true, false},
                            Reach{"MeshFaultInjection", true, false},
                            Reach{"MeshRetry", false, true},
                            Reach{"MeshHealthCheck", false, true},
                            Reach{"MeshLoadBalancingStrategy", false, true},
                            Reach{"MeshTimeout", true, true},
                            Reach{"MeshCircuitBreaker", true, true},
                            Reach{"MeshProxyPatch", true, true},
                            Reach{"MeshHTTPRoute", false, true, true},
                            Reach{"MeshTCPRoute", false, true, true},
                            Reach{"Dataplane", false, false, true},
                            Reach{"MeshService", false, false, true, true},
                            Reach{"MeshMultiZoneService", false, false, true, true},
                            Reach{"MeshAccessLog"},
                            Reach{"MeshTrace"},
                            Reach{"MeshMetric"}};

// Null: everything of its mesh.
const Reach* reach_of(const Resource& resource) {
  const auto* const found = std::ranges::find(kReach, resource.kind, &Reach::kind);
  return found == kReach.end() ? nullptr : found;
}

}  // namespace

// Keeps what the changes leave as it was. False: everything of the mesh is to be made anew.
bool MeshCompiler::follow() {
  bool services = false;
  bool named = false;
  for (const auto* list : {&changes_.gone, &changes_.come}) {
    for (const auto* resource : *list) {
      const auto* reach = reach_of(*resource);
      if (reach == nullptr) return false;
      services = services || reach->services;
      named = named || reach->named;
    }
  }
  const bool moved = memory_.begin != begin_;
  if (services || moved) {
    if (!follow_services(named)) return false;
    follow_routes();
  }
  if (moved) {
    memory_.services->forget_parts();
    forget_outbounds();
  }
  if (c_.hosts_changed) follow_hosts();
  forget_parts();
  return true;
}

// Do places of endpoints matter to clients? Then it does who the endpoints are.
bool MeshCompiler::places_count() const {
  return !memory_.zones->one || !mesh_.of_kind("MeshLoadBalancingStrategy").empty();
}

bool MeshCompiler::follow_services(bool named) {
  const DataplaneMoves moves(mesh_, changes_.gone, changes_.come);
  if (!moves.any() && !named) return true;
  const bool counted = places_count();
  if (moves.any()) {
    addresses_hold_ = addresses_hold_ && moves.in_place();
    *memory_.zones = Zones(mesh_);
    follow_locals(moves);
  }
  if (named) addresses_hold_ = false;
  const auto followed = memory_.services->follow(moves, named);
  if (!followed.known) return false;
  if (!followed.same_to_clients || counted || places_count()) forget_outbounds();
  return true;
}

void MeshCompiler::follow_locals(const DataplaneMoves& moves) {
  std::vector<MeshMemory::Local> locals;
  for (auto& own : memory_.locals) {
    const auto now = moves.now_at(own.position);
    if (!now) {
      addresses_hold_ = false;
      continue;
    }
    // Its position stands in its outbounds.
    if (*now != own.position) own.outbound.reset();
    own.position = *now;
    locals.push_back(std::move(own));
  }
  for (const auto position : moves.come()) {
    if (!local(mesh_.dataplanes[position])) continue;
    addresses_hold_ = false;
    locals.push_back({});
    locals.back().position = position;
  }
  std::ranges::sort(locals, {}, &MeshMemory::Local::position);
  memory_.locals = std::move(locals);
}

// Clients know of an endpoint outside only which priority it has.
void MeshCompiler::follow_hosts() {
  const auto moved = memory_.services->follow_hosts(c_.hosts);
  if (moved.any) externals_hold_ = false;
  if (!moved.same_to_clients) forget_outbounds();
}

// What routes name and clients declare. When this gives the services that it gave before, whoever is not
// selected by a changed route has what he had.
void MeshCompiler::follow_routes() {
  auto& services = *memory_.services;
  services.forget_asked();
  ask_for_services();
  if (!services.asked_as_before()) forget_outbounds();
  if (!routes_select()) return;
  for (auto& own : memory_.locals) {
    own.inbound.reset();
    own.outbound.reset();
  }
}

// Do routes decide whom some policy selects?
bool MeshCompiler::routes_select() const {
  const auto under_route = [](const Resource* policy) {
    return policy->kind != "Dataplane" && target_kind(policy->spec()) == "MeshHTTPRoute";
  };
  return std::ranges::any_of(mesh_.by_target,
                             [](const auto& kind) { return kind.second.any_under_route(); }) ||
         std::ranges::any_of(changes_.gone, under_route);
}

void MeshCompiler::forget_parts(const Resource& policy) {
  const auto* reach = reach_of(policy);
  if (!reach->inbound && !reach->outbound) return;
  for (auto& own : memory_.locals) {
    if (!select(policy, mesh_.dataplanes[own.position], mesh_).proxy) continue;
    if (reach->inbound) own.inbound.reset();
    if (reach->outbound) own.outbound.reset();
  }
}

void MeshCompiler::forget_parts() {
  for (const auto* policy : changes_.gone) forget_parts(*policy);
  for (const auto* policy : changes_.come) forget_parts(*policy);
}

void MeshCompiler::forget_outbounds() {
  for (auto& own : memory_.locals) own.outbound.reset();
}

}  // namespace sluice::policy
