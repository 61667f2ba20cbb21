// The table's list of rules: every origin once, numbered.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "policy/table/rule.h"

namespace sluice::policy {

class RuleBook {
 public:
  RuleIndex add(const RuleRef& rule);
  std::vector<RuleRef> take() { return std::move(rules_); }

 private:
  std::vector<RuleRef> rules_{RuleRef{}};
  std::map<std::tuple<std::string, std::string, std::uint32_t>, RuleIndex> known_;
};

}  // namespace sluice::policy
