#include "policy/engine/passthrough.h"

namespace sluice::policy {
namespace {

// Domain matches have no address before their name is resolved; the validator has warned about them.
void add_match(const Resource& policy, const Node& match, RuleBook& rules, PassthroughModel& out) {
  const auto type = match.text_of("type");
  if (type != "IP" && type != "CIDR") return;
  const auto prefix = Prefix::parse(match.text_of("value"));
  if (!prefix) return;
  PassthroughMatch one;
  one.prefix = *prefix;
  if (const auto* port = match.find("port")) {
    one.first_port = static_cast<std::uint16_t>(port->as_integer().value_or(0));
    one.last_port = one.first_port;
  }
  one.rule = rules.add(policy.origin(match.mark));
  out.matches.push_back(one);
}

}  // namespace

PassthroughModel passthrough_of(const MeshModel& mesh, const SelectedPolicies& policies, RuleBook& rules) {
  PassthroughModel out;
  const auto items = policies.single_items();
  if (items.empty()) {
    out.mode = mesh.passthrough ? PassthroughMode::all : PassthroughMode::none;
    out.rule = rules.add(mesh.passthrough_origin);
    return out;
  }
  const Effective effective(items);
  const auto mode = effective.conf().text_of("passthroughMode");
  out.rule = rules.add(effective.origin({"passthroughMode"}));
  if (out.rule == RuleIndex::built_in)
    out.rule = rules.add(items.back().policy->origin(items.back().policy->mark));
  if (mode == "All") return out;
  if (mode == "None") {
    out.mode = PassthroughMode::none;
    return out;
  }
  out.mode = PassthroughMode::matched;
  for (const auto& item : items) {
    const auto* matches = item.item->find_path({"default", "appendMatch"});
    for (std::size_t i = 0; matches != nullptr && i < matches->items.size(); ++i) {
      add_match(*item.policy, matches->items[i], rules, out);
    }
  }
  return out;
}

}  // namespace sluice::policy
