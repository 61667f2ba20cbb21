// What the meshes of one compilation fill together. Parts come in the table's order and their own numbers of
// rules, permission sets and HTTP parts become the table's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/engine/compile.h"
#include "policy/engine/http/pools.h"
#include "policy/engine/local_parts.h"
#include "policy/engine/permissions.h"
#include "policy/engine/rule_book.h"

namespace sluice::policy {

class Compilation {
 public:
  Compilation(const std::string& node, Numbers& numbers, const HostAddresses& hosts)
      : node(node), numbers(numbers), hosts(hosts) {}

  void add(const InboundPart& part, WorkloadId id);
  void add(const OutboundPart& part);
  // The finished table's.
  void finish();

  const std::string& node;
  Numbers& numbers;
  const HostAddresses& hosts;
  bool hosts_changed = false;
  Compiled out;
  Compiler::Work work;

 private:
  std::vector<RuleIndex> add_rules(const std::vector<RuleRef>& own);

  RuleBook rules_;
  PermissionSets permissions_;
  HttpPools http_;
};

// The kernel's side of the local workloads of a finished table; meshes are in the table's order.
std::vector<WorkloadIntent> workload_intents(const TableImage& table, const std::vector<MeshIntent>& meshes);
// MeshIntent::destinations of the mesh whose workloads and services are those from the first ones on.
std::vector<SocketAddr> mesh_destinations(const PartList<WorkloadImage>& workloads, std::size_t first,
                                          const PartList<ServiceImage>& services, std::size_t first_service);

}  // namespace sluice::policy
