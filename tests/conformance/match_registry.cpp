#include <map>

#include "match.h"

namespace sluice::conformance {

MatchSolver match_solver(const std::string& match_class) {
  static const std::map<std::string, MatchSolver> kSolvers{};
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
