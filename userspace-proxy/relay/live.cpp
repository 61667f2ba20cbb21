#include "relay/live.h"

#include <algorithm>

namespace sluice::relay {

LiveConnection::~LiveConnection() {
  if (set_ != nullptr) set_->leave(*this);
}

void LiveSet::enter(LiveConnection& connection) {
  connection.set_ = this;
  connection.previous_ = nullptr;
  connection.next_ = head_;
  if (head_ != nullptr) head_->previous_ = &connection;
  head_ = &connection;
  ++size_;
}

void LiveSet::leave(LiveConnection& connection) {
  (connection.previous_ != nullptr ? connection.previous_->next_ : head_) = connection.next_;
  if (connection.next_ != nullptr) connection.next_->previous_ = connection.previous_;
  connection.set_ = nullptr;
  --size_;
}

std::optional<policy::Refusal> rejudge(const policy::Table& table, std::span<const policy::LiveFlow> flows) {
  for (const policy::LiveFlow& flow : flows) {
    auto refusal = table.recheck(flow);
    if (refusal) return refusal;
  }
  return std::nullopt;
}

namespace {

bool wants_requests(const policy::Table& table, const policy::LiveFlow& flow) {
  if (!flow.unread) return false;
  if (flow.direction == policy::LiveFlow::Direction::inbound) {
    const auto decision = table.admit(flow.workload, flow.orig_dst, flow.peer, flow.client);
    const auto* permit = std::get_if<policy::Permit>(&decision);
    return permit != nullptr && permit->http() != nullptr;
  }
  const auto decision = table.route_outbound(flow.workload, flow.orig_dst);
  const auto* route = std::get_if<policy::OutboundRoute>(&decision);
  return route != nullptr && route->http() != nullptr;
}

}  // namespace

bool wants_requests(const policy::Table& table, std::span<const policy::LiveFlow> flows) {
  return std::ranges::any_of(flows, [&](const auto& flow) { return wants_requests(table, flow); });
}

std::size_t LiveSet::rejudge(const policy::Table& table) {
  std::size_t revoked = 0;
  for (LiveConnection* at = head_; at != nullptr; at = at->next_) {
    const auto refusal = relay::rejudge(table, at->flows());
    if (!refusal) {
      at->retire(wants_requests(table, at->flows()));
      continue;
    }
    at->revoke(*refusal);
    ++revoked;
  }
  return revoked;
}

std::size_t LiveSet::revoke_workload(WorkloadId workload) {
  std::size_t revoked = 0;
  for (LiveConnection* at = head_; at != nullptr; at = at->next_) {
    if (at->local_workload() != workload) continue;
    at->revoke(policy::Refusal{Reason::workload_gone, nullptr});
    ++revoked;
  }
  return revoked;
}

std::size_t LiveSet::end_revoked(const Revocations& revoked) {
  std::size_t ended = 0;
  for (LiveConnection* at = head_; at != nullptr && !revoked.empty(); at = at->next_) {
    if (!at->rests_on_revoked(revoked)) continue;
    at->revoke(policy::Refusal{Reason::tls_revoked, nullptr});
    ++ended;
  }
  return ended;
}

void LiveSet::publish_all() {
  for (LiveConnection* at = head_; at != nullptr; at = at->next_) at->publish();
}

}  // namespace sluice::relay
