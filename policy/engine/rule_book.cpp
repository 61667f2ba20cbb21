#include "policy/engine/rule_book.h"

namespace sluice::policy {

RuleIndex RuleBook::add(const RuleRef& rule) {
  if (rule.policy.empty()) return RuleIndex::built_in;
  const auto next = RuleIndex(static_cast<std::uint32_t>(rules_.size()));
  const auto [found, fresh] = known_.try_emplace({rule.policy, rule.file, rule.line}, next);
  if (fresh) rules_.push_back(rule);
  return found->second;
}

}  // namespace sluice::policy
