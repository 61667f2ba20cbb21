#include <map>

#include "match.h"
#include "match_rules.h"

namespace sluice::conformance {

MatchSolver match_solver(const std::string& match_class) {
  static const std::map<std::string, MatchSolver> kSolvers{{"dataplanepolicies", solve_policies},
                                                           {"dataplane-kind", solve_policies},
                                                           {"fromrules", solve_inbounds},
                                                           {"rules-from", solve_one_inbound},
                                                           {"inboundrules", solve_inbound_rules},
                                                           {"rules-single", solve_single},
                                                           {"sort", solve_sort},
                                                           {"torules", solve_outbound},
                                                           {"resourcerules", solve_destinations},
                                                           {"rules-to", solve_destinations},
                                                           {"meshexternalservice", solve_destinations}};
  const auto found = kSolvers.find(match_class);
  return found == kSolvers.end() ? nullptr : found->second;
}

std::string match_class_reason(const std::string& match_class) {
  static const std::map<std::string, std::string> kReasons{
      {"meshgateways", "built-in gateways are not served on a node"},
      {"egress-fromtorules", "zone egress is not served on a node"},
      {"egress-torules", "zone egress is not served on a node"},
  };
  const auto found = kReasons.find(match_class);
  return found == kReasons.end() ? std::string() : found->second;
}

}  // namespace sluice::conformance
