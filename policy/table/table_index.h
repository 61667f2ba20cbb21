// The hash indexes over a TableImage. Keys borrow the image's strings, so the image must not move after
// building.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/table/decision.h"
#include "policy/table/flat_map.h"
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

struct IndexHash {
  std::uint64_t operator()(std::uint64_t key) const noexcept { return of(IpAddr{}, key, false); }
  std::uint64_t operator()(const IpAddr& key) const noexcept { return of(key, 0, true); }
  std::uint64_t operator()(const ScopedAddr& key) const noexcept {
    return of(key.address.ip, (std::uint64_t{key.scope} << 16) | key.address.port, true);
  }
  std::uint64_t operator()(const ScopedPrefix& key) const noexcept {
    return of(key.prefix.base, (std::uint64_t{key.scope} << 8) | key.prefix.length, true);
  }

 private:
  static std::uint64_t of(const IpAddr& ip, std::uint64_t rest, bool with_ip) noexcept {
    WordHash hash;
    hash.add(rest);
    if (!with_ip) return hash.value();
    std::uint64_t words[2];
    std::memcpy(words, ip.bytes.data(), sizeof(words));
    hash.add(words[0]);
    hash.add(words[1]);
    return hash.value();
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
  FlatMap<std::string_view, std::vector<std::uint32_t>, TextHash> exact_;
  std::vector<PrefixEntry> prefixes_;  // sorted by value
  std::vector<std::uint32_t> unanchored_;
};

// True when the peer meets this one condition.
bool holds(const Condition& condition, const Peer& peer);

struct TableIndex {
  TableIndex(const TableImage& image, Regexes all_regexes);

  // A workload's key is its number, since a position in the image is that of a generation.
  FlatMap<std::uint64_t, const WorkloadImage*, IndexHash> workloads;
  FlatLists<IpAddr, IndexHash> by_address;                     // positions of workloads
  FlatMap<ScopedAddr, EndpointEntry, IndexHash> endpoints;     // scope: mesh
  FlatMap<ScopedAddr, bool, IndexHash> externals;              // scope: mesh; endpoints outside it
  FlatMap<ScopedAddr, std::uint32_t, IndexHash> vips;          // scope: mesh -> service
  FlatMap<ScopedAddr, std::uint32_t, IndexHash> declared;      // scope: workload -> outbound
  FlatMap<std::uint64_t, std::uint32_t, IndexHash> outbounds;  // workload << 32 | service -> outbound
  FlatLists<std::uint64_t, IndexHash> inbounds;                // workload << 16 | port -> inbounds
  std::unordered_map<ScopedPrefix, std::vector<std::uint32_t>, IndexHash>
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
