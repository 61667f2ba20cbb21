// Who may call whom, compared between two compiled meshes.
#pragma once

#include <string>
#include <vector>

#include "policy/table/table.h"

namespace sluice::ctl {

struct ChangedVerdict {
  std::string mesh, server, inbound, client;
  std::string before, after;  // "allow", or "deny: permission_denied"
  std::string rule;           // what decides afterwards; empty: a built-in default
};

// Every client against every inbound of every server that both know; clients with the same identities count
// as one and are named by the first. Both are tables whose every workload is local.
std::vector<ChangedVerdict> changed_verdicts(const policy::Table& before, const policy::Table& after);

}  // namespace sluice::ctl
