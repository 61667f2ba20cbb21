#include "policy/engine/rule_book.h"

namespace sluice::policy {
namespace {
constexpr std::size_t kMaxFile = 1024;
}  // namespace

RuleIndex RuleBook::add(const RuleRef& rule) {
  if (rule.policy.empty()) return RuleIndex::built_in;
  // A path longer than a table's text keeps its end, which tells more.
  if (rule.file.size() > kMaxFile) {
    return add({rule.policy, "..." + rule.file.substr(rule.file.size() - kMaxFile + 3), rule.line});
  }
  const auto next = RuleIndex(static_cast<std::uint32_t>(rules_.size()));
  const auto [found, fresh] = known_.try_emplace({rule.policy, rule.file, rule.line}, next);
  if (fresh) rules_.push_back(rule);
  return found->second;
}

}  // namespace sluice::policy
