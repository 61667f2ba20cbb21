// The hash indexes over a TableImage. Keys borrow the image's strings, so the image must not move after
// building.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/table/decision.h"
#include "policy/table/flat_map.h"
#include "policy/table/image.h"
#include "policy/table/places.h"
#include "policy/table/regexes.h"
#include "policy/table/route_index.h"

namespace sluice::policy {

// One permission set, made ready so that the lowest matching position decides: `rules` are put in the order
// deny, shadow, allow; `from` items already come strongest first. Each rule is found by one of its URIs (its
// anchor) or, when it has none, tried always.
class PermissionIndex {
 public:
  explicit PermissionIndex(const Permissions& permissions);
  // The deciding rule, or null: nothing matched.
  const PermissionRule* find(const Peer& peer) const;
  // All rules, the deciding order.
  std::span<const PermissionRule* const> ordered() const { return ordered_; }

 private:
  struct PrefixEntry {
    std::string_view value;
    std::uint32_t parent = UINT32_MAX;     // the longest other entry that is a prefix of this one
    std::vector<std::uint32_t> positions;  // ascending
  };
  void add(std::uint32_t position);
  void link_prefixes();
  void try_all(const std::vector<std::uint32_t>& positions, const Peer& peer, std::uint32_t& best) const;
  void try_prefixes(std::string_view uri, const Peer& peer, std::uint32_t& best) const;

  std::vector<const PermissionRule*> ordered_;
  FlatMap<std::string_view, std::vector<std::uint32_t>, TextHash> exact_;
  std::vector<PrefixEntry> prefixes_;  // sorted by value
  std::vector<std::uint32_t> unanchored_;
};

// True when the peer meets this one condition.
bool holds(const Condition& condition, const Peer& peer);

struct TableIndex {
  // `all_places`: the image's.
  TableIndex(const TableImage& image, std::shared_ptr<const Places> all_places, Regexes all_regexes);

  std::shared_ptr<const Places> places;
  FlatMap<ScopedAddr, std::uint32_t, IndexHash> declared;      // scope: workload -> outbound
  FlatMap<std::uint64_t, std::uint32_t, IndexHash> outbounds;  // workload << 32 | service -> outbound
  std::unordered_map<ScopedPrefix, std::vector<std::uint32_t>, IndexHash>
      passthrough;  // scope: workload -> matches
  std::unordered_map<std::uint32_t, std::vector<std::uint8_t>>
      passthrough_lengths;  // workload -> longest first
  std::vector<PermissionIndex> permissions;
  Regexes regexes;
  std::vector<HttpRoutes> routes;  // one per TableImage::http_outbounds

 private:
  void add_passthrough(const WorkloadImage& workload);
};

// The address with all bits after `length` cleared.
IpAddr masked(const IpAddr& address, std::uint8_t length);

}  // namespace sluice::policy
