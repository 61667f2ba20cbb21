#include "policy/table/rule.h"

namespace sluice::policy {

std::string RuleRef::text() const {
  if (policy.empty()) return "built-in default";
  if (file.empty()) return policy;
  return policy + " (" + file + ":" + std::to_string(line) + ")";
}

}  // namespace sluice::policy
