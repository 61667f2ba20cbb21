#include "policy/table/table_index.h"

#include <algorithm>
#include <utility>

namespace sluice::policy {
namespace {

bool contains(std::span<const std::string> uris, std::string_view value) {
  return std::ranges::any_of(uris, [&](const std::string& uri) { return uri == value; });
}

int rank(PermissionAction action) {
  switch (action) {
    case PermissionAction::deny:
      return 0;
    case PermissionAction::allow_shadow_deny:
      return 1;
    case PermissionAction::allow:
      return 2;
  }
  return 0;
}

std::uint64_t key_of(std::uint32_t high, std::uint32_t low, unsigned shift) {
  return (std::uint64_t{high} << shift) | low;
}

}  // namespace

bool holds(const Condition& condition, const Peer& peer) {
  switch (condition.kind) {
    case Condition::Kind::uri_exact:
      return contains(peer.spiffe_uris, condition.value) || contains(peer.kuma_uris, condition.value);
    case Condition::Kind::uri_prefix:
      return std::ranges::any_of(peer.spiffe_uris,
                                 [&](const std::string& uri) { return uri.starts_with(condition.value); });
    case Condition::Kind::sni_exact:
      return peer.sni == condition.value;
  }
  return false;
}

PermissionIndex::PermissionIndex(const Permissions& permissions) {
  for (const auto& rule : permissions.rules) ordered_.push_back(&rule);
  if (permissions.order == Permissions::Order::deny_first) {
    // The pointers go into one vector, so comparing them keeps the order within one action.
    std::ranges::sort(ordered_, {},
                      [](const PermissionRule* rule) { return std::pair(rank(rule->action), rule); });
  }
  for (std::uint32_t position = 0; position < ordered_.size(); ++position) add(position);
  link_prefixes();
}

void PermissionIndex::add(std::uint32_t position) {
  for (const auto& condition : ordered_[position]->conditions) {
    if (condition.kind == Condition::Kind::uri_exact) {
      exact_.insert(condition.value, {}).push_back(position);
      return;
    }
  }
  for (const auto& condition : ordered_[position]->conditions) {
    if (condition.kind == Condition::Kind::uri_prefix) {
      prefixes_.push_back({condition.value, UINT32_MAX, {position}});
      return;
    }
  }
  unanchored_.push_back(position);
}

void PermissionIndex::link_prefixes() {
  std::ranges::sort(prefixes_, {},
                    [](const PrefixEntry& e) { return std::pair(e.value, e.positions.front()); });
  std::vector<PrefixEntry> merged;
  for (auto& entry : prefixes_) {
    if (!merged.empty() && merged.back().value == entry.value) {
      merged.back().positions.push_back(entry.positions.front());
      continue;
    }
    merged.push_back(std::move(entry));
  }
  prefixes_ = std::move(merged);
  // In sorted order a value follows its prefixes, so the nearest enclosing one is on the chain of its
  // predecessor.
  for (std::uint32_t i = 1; i < prefixes_.size(); ++i) {
    auto candidate = i - 1;
    while (candidate != UINT32_MAX && !prefixes_[i].value.starts_with(prefixes_[candidate].value)) {
      candidate = prefixes_[candidate].parent;
    }
    prefixes_[i].parent = candidate;
  }
}

void PermissionIndex::try_all(const std::vector<std::uint32_t>& positions, const Peer& peer,
                              std::uint32_t& best) const {
  for (const auto position : positions) {
    if (position >= best) return;
    const auto& conditions = ordered_[position]->conditions;
    if (std::ranges::all_of(conditions, [&](const Condition& condition) { return holds(condition, peer); })) {
      best = position;
      return;
    }
  }
}

void PermissionIndex::try_prefixes(std::string_view uri, const Peer& peer, std::uint32_t& best) const {
  const auto after = std::ranges::upper_bound(prefixes_, uri, {}, &PrefixEntry::value);
  if (after == prefixes_.begin()) return;
  auto at = static_cast<std::uint32_t>(after - prefixes_.begin() - 1);
  for (; at != UINT32_MAX; at = prefixes_[at].parent) {
    if (uri.starts_with(prefixes_[at].value)) try_all(prefixes_[at].positions, peer, best);
  }
}

const PermissionRule* PermissionIndex::find(const Peer& peer) const {
  auto best = static_cast<std::uint32_t>(ordered_.size());
  try_all(unanchored_, peer, best);
  for (const auto uris : {peer.spiffe_uris, peer.kuma_uris}) {
    for (const auto& uri : uris) {
      if (const auto* found = exact_.find(uri)) try_all(*found, peer, best);
    }
  }
  if (!prefixes_.empty()) {
    for (const auto& uri : peer.spiffe_uris) try_prefixes(uri, peer, best);
  }
  return best < ordered_.size() ? ordered_[best] : nullptr;
}

IpAddr masked(const IpAddr& address, std::uint8_t length) {
  IpAddr out = address;
  for (std::size_t i = 0; i < out.bytes.size(); ++i) {
    const auto bits = static_cast<int>(length) - static_cast<int>(i * 8);
    if (bits <= 0) {
      out.bytes[i] = 0;
    } else if (bits < 8) {
      out.bytes[i] = static_cast<std::uint8_t>(out.bytes[i] & (0xFF00U >> bits));
    }
  }
  return out;
}

TableIndex::TableIndex(const TableImage& image, std::shared_ptr<const Places> all_places, Regexes all_regexes)
    : places(std::move(all_places)), regexes(std::move(all_regexes)) {
  for (const auto position : places->local_places) add_passthrough(image.workloads[position]);
  outbounds.reserve(image.outbounds.size());
  for (std::uint32_t i = 0; i < image.outbounds.size(); ++i) {
    const auto& outbound = image.outbounds[i];
    const auto client = number(image.workloads[outbound.workload].id);
    outbounds.insert(key_of(client, outbound.service, 32), i);
    for (const auto& address : outbound.addresses) declared.insert({client, address}, i);
  }
  permissions.reserve(image.permissions.size());
  for (const auto& set : image.permissions) permissions.emplace_back(set);
  routes.reserve(image.http_outbounds.size());
  for (const auto& outbound : image.http_outbounds) routes.emplace_back(outbound, regexes);
}

void TableIndex::add_passthrough(const WorkloadImage& workload) {
  const auto key = number(workload.id);
  for (std::uint32_t i = 0; i < workload.passthrough_matches.size(); ++i) {
    const auto& prefix = workload.passthrough_matches[i].prefix;
    passthrough[{key, {masked(prefix.base, prefix.length), prefix.length}}].push_back(i);
    auto& lengths = passthrough_lengths[key];
    if (std::ranges::find(lengths, prefix.length) == lengths.end()) lengths.push_back(prefix.length);
  }
  if (const auto lengths = passthrough_lengths.find(key); lengths != passthrough_lengths.end()) {
    std::ranges::sort(lengths->second, std::greater{});
  }
}

}  // namespace sluice::policy
