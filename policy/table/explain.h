// Why a decision came out as it did, for `sluice explain`: the rule that decided and those that nearly did.
// Allocates; never called on the data path.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "policy/table/table.h"

namespace sluice::policy {

struct ConsideredRule {
  RuleRef rule;
  std::string effect;  // "deny", "allow", "passthrough none", "timeout 5s"
  bool matched = false;
  bool decided = false;
  std::string missing;  // for one that did not match: the first condition that failed
  // Says something of each request or of the endpoints, beside the rule that decides on the connection.
  bool applies = false;
};

struct Explanation {
  bool allowed = false;
  Reason reason = Reason::none;
  std::string summary;                 // one sentence
  std::vector<ConsideredRule> rules;   // strongest first; at most kMaxConsidered
  std::span<const LuaFilter> scripts;  // that see the requests; of the table
};

inline constexpr std::size_t kMaxConsidered = 64;

Explanation explain_outbound(const Table& table, WorkloadId client, const OrigDst& destination);
Explanation explain_admit(const Table& table, WorkloadId server, const OrigDst& destination, const Peer* peer,
                          const ClientAddr& client);

}  // namespace sluice::policy
