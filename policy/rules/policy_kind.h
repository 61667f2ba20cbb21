// The kinds of policy that speak of proxies and the parts each may have (kuma.md 2.0), in apply order.
#pragma once

#include <span>
#include <string_view>

namespace sluice::policy {

struct PolicyKind {
  std::string_view name;
  bool to = false;
  bool from = false;
  bool rules = false;
  bool from_as_rules = false;  // `from` is also read as `rules` without matches
  bool single = false;         // one `default` for the whole proxy
};

std::span<const PolicyKind> policy_kinds();

}  // namespace sluice::policy
