// Effective configuration: what all policies of a mesh together set for one proxy, destination by destination
// and inbound by inbound, with where each value comes from. Pure; everything borrows the World's resources.
//
// A destination takes the narrowest rule that speaks of it, whole (kuma.md 3.4): of its port, of the
// resource, of the mesh. Inbound rules with matches stay apart from what holds for everybody (kuma.md 3.6).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/engine/world.h"
#include "policy/rules/rule.h"
#include "policy/rules/rules.h"

namespace sluice::policy {

// A part of an inbound's configuration that only some clients get: by match (`rules`) or by tags (`from`).
struct ConditionalConf {
  std::optional<Node> match;
  std::vector<RuleTag> tags;
  Node conf;
  std::vector<Origin> origins;
};

struct EffectivePolicy {
  std::string_view kind;        // static storage
  Node conf;                    // null when only conditional parts are set
  std::vector<Origin> origins;  // weakest first
  std::vector<ConditionalConf> conditional;
};

// What a destination is called by. A service of the 2.x tag model has the kind "kuma.io/service".
struct OutboundName {
  std::string kind, mesh, zone, ns, name, section;
  auto operator<=>(const OutboundName&) const = default;
};

struct EffectiveOutbound {
  OutboundName resource;
  std::vector<EffectivePolicy> policies;  // in the order in which Kuma applies the kinds
};

struct EffectiveInbound {
  const InboundModel* inbound = nullptr;
  std::vector<EffectivePolicy> policies;
};

struct EffectiveProxy {
  const DataplaneModel* dataplane = nullptr;
  std::vector<EffectiveOutbound> outbounds;  // every destination of the mesh, by name; routes come last
  std::vector<EffectiveInbound> inbounds;
  std::vector<EffectivePolicy> proxy;
};

EffectiveProxy effective_for(const MeshWorld& mesh, const DataplaneModel& dataplane);

// Which part of the policies a configuration was merged from.
enum class Part : std::uint8_t { outbound, inbound, proxy };

// One value of a configuration, lists in one piece: "http.requestTimeout" and the strongest document that
// sets it.
struct EffectiveValue {
  std::string path;
  const Node* value = nullptr;
  RuleRef origin;
};
std::vector<EffectiveValue> values_of(Part part, const Node& conf, const std::vector<Origin>& origins);

}  // namespace sluice::policy
