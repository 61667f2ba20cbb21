// Places: who is in a table and where. It holds numbers and no pointers, so the next generation takes it over
// as long as nobody comes, goes or moves.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "policy/table/flat_map.h"
#include "policy/table/image.h"

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

using WorkloadNumbers = FlatMap<std::uint64_t, bool, IndexHash>;

struct EndpointEntry {
  BackendImage backend;
  std::uint32_t service = kNoService;  // the first service that has this backend
  static constexpr std::uint32_t kNoService = UINT32_MAX;
};

// Of a workload that stands for a MeshExternalService: the same in each generation as long as the same is
// asked of its servers, and never 0.
std::uint64_t external_key(const TableImage& image, const WorkloadImage& workload);

struct Places {
  // The image is sound.
  explicit Places(const TableImage& image);

  FlatMap<std::uint64_t, std::uint32_t, IndexHash> locals;  // by number; positions
  FlatLists<IpAddr, IndexHash> by_address;                  // positions of workloads
  FlatMap<ScopedAddr, EndpointEntry, IndexHash> endpoints;  // scope: mesh
  FlatMap<std::uint64_t, bool, IndexHash> externals;        // external_key() of those with endpoints
  FlatMap<ScopedAddr, std::uint32_t, IndexHash> vips;       // scope: mesh -> service
  FlatLists<std::uint64_t, IndexHash> inbounds;             // local workload << 16 | port -> inbounds
  std::vector<std::uint32_t> local_places;                  // positions

 private:
  void add_workload(const TableImage& image, std::uint32_t position);
  void add_local(const WorkloadImage& workload, std::uint32_t position);
};

// Would both images have equal Places? Neither needs to be sound.
bool same_places(const TableImage& a, const TableImage& b);

}  // namespace sluice::policy
