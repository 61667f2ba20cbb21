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
  const auto& backend = direct_ == nullptr ? backends_[index] : *direct_;
  const auto& server = table_->image_.workloads[backend.workload];
  return {server, server.inbounds[backend.inbound]};
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
