#include "ctl/policy/effective_rows.h"

#include <fmt/core.h>

namespace sluice::ctl {
namespace {

std::string condition(const policy::ConditionalConf& part) {
  std::string out = part.match ? part.match->to_json() : "";
  for (const auto& tag : part.tags)
    out += fmt::format("{}{}{}={}", out.empty() ? "" : ", ", tag.negated ? "not " : "", tag.key, tag.value);
  return out;
}

// Collects the rows of one part of a proxy.
struct Rows {
  policy::Part part;
  std::string name;
  std::vector<EffectiveRow>& out;

  void add(std::string_view kind, const std::string& who, const policy::Node& conf,
           const std::vector<policy::Origin>& origins) {
    for (const auto& value : policy::values_of(part, conf, origins))
      out.push_back({name, std::string(kind), who, value.path, value.value->to_json(), value.origin});
  }
  void add(const std::vector<policy::EffectivePolicy>& policies) {
    for (const auto& policy : policies) {
      if (!policy.conf.is_null()) add(policy.kind, "", policy.conf, policy.origins);
      for (const auto& some : policy.conditional) add(policy.kind, condition(some), some.conf, some.origins);
    }
  }
};

}  // namespace

std::string EffectiveRow::place() const {
  return origin.file.empty() ? origin.policy
                             : fmt::format("{} {}:{}", origin.policy, origin.file, origin.line);
}

std::vector<EffectiveRow> effective_rows(const policy::EffectiveProxy& proxy) {
  std::vector<EffectiveRow> out;
  for (const auto& outbound : proxy.outbounds) {
    const auto& name = outbound.resource;
    const auto part =
        fmt::format("to {} {}{}{}", name.kind, name.name, name.section.empty() ? "" : ":", name.section);
    Rows{policy::Part::outbound, part, out}.add(outbound.policies);
  }
  for (const auto& inbound : proxy.inbounds)
    Rows{policy::Part::inbound, "in " + inbound.inbound->section, out}.add(inbound.policies);
  Rows{policy::Part::proxy, "proxy", out}.add(proxy.proxy);
  return out;
}

}  // namespace sluice::ctl
