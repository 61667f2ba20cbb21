// Which inbounds the selector of a MeshService picks for one of its ports (kuma.md 1.4).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "policy/engine/world.h"

namespace sluice::policy {

// Has `tags` every pair of `wanted`? "*" stands for any value.
bool contains_all(const Tags& tags, const Tags& wanted);
Tags tags_from(const Node& node);

// Read once, since a mesh asks it of every inbound. Borrows the resource.
class ServiceSelector {
 public:
  ServiceSelector(const Resource& service, const Node& port);

  // Ready or not.
  bool picks(const DataplaneModel& dataplane, const InboundModel& inbound) const;

 private:
  friend class EndpointIndex;
  bool picks(const DataplaneModel& dataplane) const;

  const Resource& service_;
  std::string_view name_;         // dataplaneRef; the first of the three that is there counts
  const Node* labels_ = nullptr;  // dataplaneLabels
  Tags tags_;                     // dataplaneTags
  std::string_view target_;       // the port's name or number
  std::optional<std::uint16_t> target_number_;
};

// The Dataplanes of a mesh by what selectors ask for, so that thousands of selectors look at few of them
// each.
class EndpointIndex {
 public:
  // The mesh must outlive it.
  explicit EndpointIndex(const MeshWorld& mesh);

  // Positions, ascending: at least every Dataplane that the selector picks.
  std::span<const std::uint32_t> candidates(const ServiceSelector& selector) const;

 private:
  using Pair = std::pair<std::string_view, std::string_view>;
  struct PairHash {
    std::size_t operator()(const Pair& pair) const noexcept {
      const std::hash<std::string_view> hash;
      return hash(pair.first) * 31 + hash(pair.second);
    }
  };
  using Places = std::vector<std::uint32_t>;
  using ByPair = std::unordered_map<Pair, Places, PairHash>;
  static void narrow(const ByPair& index, const Pair& wanted, std::span<const std::uint32_t>& found);

  Places all_;
  ByPair by_tag_;
  ByPair by_label_;
  std::unordered_map<std::string_view, Places> by_name_;
};

}  // namespace sluice::policy
