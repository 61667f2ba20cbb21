// What Table and its answers say of requests, balancing and splits.
#include <algorithm>

#include "policy/table/table.h"
#include "policy/table/table_index.h"

namespace sluice::policy {

OutboundDecision Table::route_backend(WorkloadId client_id, std::uint32_t service) const {
  const RuleRef* built_in = &rule(RuleIndex::built_in);
  const auto* client = workload(client_id);
  if (client == nullptr) return Refusal{Reason::workload_gone, built_in};
  if (service >= image_.services.size() || image_.services[service].mesh != client->mesh ||
      image_.services[service].backends.empty()) {
    return Refusal{Reason::no_endpoints, built_in};
  }
  return route_to_service(*client, service);
}

namespace {
// A turn becomes 20 bits; weights add up to at most 42, kMaxListPerRoute times 32 of them.
constexpr unsigned kSpreadShift = 44;
static_assert(kMaxListPerRoute <= 1024);
}  // namespace

OutboundDecision Table::route_split(const OutboundRoute& route, std::uint64_t turn) const {
  const auto split = route.split();
  if (split.empty()) return route;
  std::uint64_t whole = 0;
  for (const auto& backend : split) whole += backend.weight;
  // Multiples of the golden ratio spread evenly over any interval, however few there are.
  const auto spread = (turn * 0x9e3779b97f4a7c15ULL) >> kSpreadShift;
  auto point = (spread * whole) >> (64U - kSpreadShift);
  std::uint32_t chosen = kNone;
  for (const auto& backend : split) {
    chosen = backend.service;
    if (point < backend.weight) break;
    point -= backend.weight;
  }
  auto decision = route_backend(route.client().id, chosen);
  if (auto* refusal = std::get_if<Refusal>(&decision)) refusal->rule = &route.split_rule();
  return decision;
}

const HttpInboundImage* Table::http_of(const InboundImage& inbound) const {
  return inbound.http == kNone ? nullptr : &image_.http_inbounds[inbound.http];
}

const ClusterImage* Table::cluster_of(std::uint32_t cluster) const {
  return cluster == kNone ? nullptr : &image_.clusters[cluster];
}

const HttpRoutes* OutboundRoute::http() const {
  if (outbound_ == nullptr || outbound_->http == kNone) return nullptr;
  return &table_->index_->routes[outbound_->http];
}

const ClusterImage* OutboundRoute::cluster() const {
  return outbound_ == nullptr ? nullptr : table_->cluster_of(outbound_->cluster);
}

std::span<const WeightedBackend> OutboundRoute::split() const {
  return outbound_ == nullptr ? std::span<const WeightedBackend>() : outbound_->split;
}

const RuleRef& OutboundRoute::split_rule() const {
  return table_->rule(outbound_ == nullptr ? RuleIndex::built_in : outbound_->split_rule);
}

OutboundRoute::Endpoint OutboundRoute::endpoint(std::size_t index) const {
  const auto& at = backend(index);
  const auto& server = table_->image_.workloads[at.workload];
  return {server, server.inbounds[at.inbound]};
}

bool all_hold(std::span<const Condition> conditions, const Peer* peer) {
  if (peer == nullptr) return conditions.empty();
  return std::ranges::all_of(conditions, [&](const Condition& one) { return holds(one, *peer); });
}

const HttpTimeouts* timeouts_for(const HttpInboundImage& inbound, const Peer* peer) {
  const auto found = std::ranges::find_if(
      inbound.timeouts, [&](const MatchedTimeouts& one) { return all_hold(one.conditions, peer); });
  return found == inbound.timeouts.end() ? nullptr : &found->timeouts;
}

const RateLimit* rate_limit_for(const HttpInboundImage& inbound, const Peer* peer) {
  const auto found = std::ranges::find_if(
      inbound.rate_limits, [&](const MatchedRateLimit& one) { return all_hold(one.conditions, peer); });
  return found == inbound.rate_limits.end() ? nullptr : &found->limit;
}

}  // namespace sluice::policy
