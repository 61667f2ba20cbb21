// What the BPF maps are to hold, as plain data: the agent turns it into map entries and adds what only it
// knows (netns cookies, cgroups, the namespaces' own addresses). No libbpf and no ABI here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/workload.h"
#include "policy/table/image.h"

namespace sluice::policy {

struct MeshIntent {
  std::uint32_t number = 0;  // stable as long as the mesh exists; > 0
  std::string name;
  // Every inbound and service address of the mesh; sorted, unique. While they stay the same, so does the
  // pointer from one compilation to the next.
  std::shared_ptr<const std::vector<SocketAddr>> destinations;
};

// A destination outside the mesh that stays allowed under passthrough `matched`, in both TCP and UDP.
struct AllowedPrefix {
  Prefix prefix;
  std::uint16_t first_port = 1;  // inclusive
  std::uint16_t last_port = 65535;
  bool operator==(const AllowedPrefix&) const = default;
};

struct WorkloadIntent {
  WorkloadId id = WorkloadId::none;
  std::uint32_t mesh = 0;              // MeshIntent::number
  std::vector<SocketAddr> outbounds;   // declared, loopback included
  std::vector<SocketAddr> inbounds;    // where clients dial; what a host-namespace workload is steered by
  std::vector<AllowedPrefix> allowed;  // only under PassthroughMode::matched
  PassthroughMode passthrough = PassthroughMode::all;
};

struct KernelIntent {
  std::vector<MeshIntent> meshes;
  std::vector<WorkloadIntent> workloads;  // local ones only
};

}  // namespace sluice::policy
