// What the solvers of the match classes share: the case's documents as a mesh, and the product's rules in the
// corpus's normal form.
#pragma once

#include <optional>
#include <vector>

#include "match.h"
#include "policy/engine/world.h"
#include "policy/rules/resource_rule.h"
#include "policy/rules/rule.h"

namespace sluice::conformance {

class MatchWorld {
 public:
  explicit MatchWorld(const MatchInput& input);
  MatchWorld(const MatchWorld&) = delete;
  MatchWorld& operator=(const MatchWorld&) = delete;

  const policy::MeshWorld& mesh() const { return world_.meshes.begin()->second; }
  // The Dataplane asked for; there is one in the classes that have any.
  const policy::DataplaneModel* dataplane() const;
  // The policies asked for by name, else all of the type asked for. Names may stand twice.
  std::vector<const policy::Resource*> policies() const;

 private:
  const MatchInput& input_;
  std::vector<policy::Resource> resources_;
  policy::World world_;
};

Json subset_rules_json(const std::vector<policy::SubsetRule>& rules);
Json match_rules_json(const std::vector<policy::MatchRule>& rules);
// Upstream knows a mesh only when the case has its document.
Json resource_rules_json(const std::vector<policy::ResourceRule>& rules, const MatchInput& input);
Json node_json(const policy::Node& node);

}  // namespace sluice::conformance
