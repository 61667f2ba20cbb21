// Compares two answers of Kuma's inspect API about one proxy.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "ctl/json_view.h"

namespace sluice::ctl {

struct RulesDifference {
  std::string kind;  // of policy; "httpMatches" for what hashes stand for
  std::string part;  // "toRules", ...
  std::string place;
  std::string here;  // JSON; empty: nothing
  std::string there;
};

// Labels, warnings, empty values, the order of kinds, destinations and inbounds, and how durations are spelt
// make no difference. At most `limit` are told.
std::vector<RulesDifference> compare_rules(const Json& here, const Json& there, std::size_t limit);

}  // namespace sluice::ctl
