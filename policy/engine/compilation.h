// What the steps of compile() share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/engine/compile.h"
#include "policy/engine/http/pools.h"
#include "policy/engine/permissions.h"
#include "policy/engine/rule_book.h"
#include "policy/engine/world.h"

namespace sluice::policy {

struct Compilation {
  const CompileInput& input;
  Numbers& numbers;
  Compiled out;
  RuleBook rules;
  PermissionSets permissions;
  HttpPools http = {};
  std::uint32_t next_remote = kFirstRemoteWorkload;
};

// The kernel's side of a finished table. `mesh_numbers[i]` is the kernel's number of table.meshes[i].
KernelIntent kernel_intent(const TableImage& table, const std::vector<std::uint32_t>& mesh_numbers);

}  // namespace sluice::policy
