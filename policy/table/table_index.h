// The hash indexes over a TableImage. Keys borrow the image's strings, so the image must not move after
// building.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/table/decision.h"
#include "policy/table/image.h"
#include "policy/table/regexes.h"
#include "policy/table/route_index.h"

namespace sluice::policy {

// An address within a scope: a mesh, or one workload.
struct ScopedAddr {
  std::uint32_t scope = 0;
  SocketAddr address;
  bool operator==(const ScopedAddr&) const = default;
};
struct ScopedPrefix {
  std::uint32_t scope = 0;
  Prefix prefix;
  bool operator==(const ScopedPrefix&) const = default;
};

struct ScopedHash {
  static std::size_t mix(std::size_t a, std::size_t b) {
    return (a ^ (b + 0x9e3779b97f4a7c15ULL + (a << 6) + (a >> 2)));
  }
  std::size_t operator()(const ScopedAddr& key) const noexcept {
    return mix(std::hash<SocketAddr>{}(key.address), key.scope);
  }
  std::size_t operator()(const ScopedPrefix& key) const noexcept {
    return mix(mix(std::hash<IpAddr>{}(key.prefix.base), key.prefix.length), key.scope);
  }
};

struct EndpointEntry {
  BackendImage backend;
  std::uint32_t service = kNoService;  // the first service that has this backend
  static constexpr std::uint32_t kNoService = UINT32_MAX;
};

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
  std::unordered_map<std::string_view, std::vector<std::uint32_t>> exact_;
  std::vector<PrefixEntry> prefixes_;  // sorted by value
  std::vector<std::uint32_t> unanchored_;
};

// True when the peer meets this one condition.
bool holds(const Condition& condition, const Peer& peer);

struct TableIndex {
  TableIndex(const TableImage& image, Regexes all_regexes);

  std::unordered_map<WorkloadId, std::uint32_t> workloads;
  std::unordered_map<IpAddr, std::vector<std::uint32_t>> by_address;
  std::unordered_map<ScopedAddr, EndpointEntry, ScopedHash> endpoints;  // scope: mesh
  std::unordered_map<ScopedAddr, std::uint32_t, ScopedHash> vips;       // scope: mesh -> service
  std::unordered_map<ScopedAddr, std::uint32_t, ScopedHash> declared;   // scope: workload -> outbound
  std::unordered_map<std::uint64_t, std::uint32_t> outbounds;  // workload << 32 | service -> outbound
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>>
      inbounds;  // workload << 16 | port -> inbounds
  std::unordered_map<ScopedPrefix, std::vector<std::uint32_t>, ScopedHash>
      passthrough;  // scope: workload -> matches
  std::unordered_map<std::uint32_t, std::vector<std::uint8_t>>
      passthrough_lengths;  // workload -> longest first
  std::vector<PermissionIndex> permissions;
  Regexes regexes;
  std::vector<HttpRoutes> routes;  // one per TableImage::http_outbounds

 private:
  void add_workload(const TableImage& image, std::uint32_t position);
};

// The address with all bits after `length` cleared.
IpAddr masked(const IpAddr& address, std::uint8_t length);

}  // namespace sluice::policy
