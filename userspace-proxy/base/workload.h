// The number of an enrolled workload: the agent hands it out at enrolment, and BPF maps, listeners and tables
// use it.
#pragma once

#include <cstdint>
#include <functional>

namespace sluice {

// Local workloads are 1 .. 2^20 - 1, the same number as long as they stay enrolled. Workloads of other nodes
// get theirs from their place in a table, from kFirstRemoteWorkload on: these mean something within it only.
enum class WorkloadId : std::uint32_t { none = 0 };

inline constexpr std::uint32_t kFirstRemoteWorkload = 1U << 20;

constexpr std::uint32_t number(WorkloadId id) {
  return static_cast<std::uint32_t>(id);
}
constexpr bool is_local(WorkloadId id) {
  return id != WorkloadId::none && number(id) < kFirstRemoteWorkload;
}

}  // namespace sluice

template <>
struct std::hash<sluice::WorkloadId> {
  std::size_t operator()(sluice::WorkloadId id) const noexcept { return sluice::number(id); }
};
