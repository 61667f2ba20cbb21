// What a kind's validator writes into: violations with Kuma's paths, at the place of the node they are about.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/document/diagnostic.h"
#include "policy/document/dialect.h"
#include "policy/document/resource.h"
#include "policy/kinds/schema.h"

namespace sluice::policy {

class Validator {
 public:
  Validator(const Resource& resource, Diagnostics& diagnostics)
      : resource_(resource), diagnostics_(diagnostics) {}

  const Resource& resource() const { return resource_; }
  Dialect dialect() const { return resource_.dialect; }
  void error(const Node& at, std::string path, std::string message, std::string hint = {});
  void warning(const Node& at, std::string path, std::string message, std::string hint = {});

  // Calls `each` for the items of the list under `key`, with the item's path; does nothing when there is no
  // such list.
  void each(const Node& parent, const std::string& path, std::string_view key,
            const std::function<void(const Node&, const std::string&)>& each);

  // Durations that are already known to be well formed.
  void positive(const Node& parent, const std::string& path, std::string_view key);      // > 0 when defined
  void not_negative(const Node& parent, const std::string& path, std::string_view key);  // >= 0 when defined
  // Limits of the compiled table, so that one document cannot make the whole table be refused.
  void at_most(const Node& parent, const std::string& path, std::string_view key, std::size_t items);
  void short_name(const Node& parent, const std::string& path, std::string_view key);  // 253 bytes
  // 1..65535 when defined; `required` also refuses a missing one.
  bool port(const Node& parent, const std::string& path, std::string_view key, bool required);

 private:
  const Resource& resource_;
  Diagnostics& diagnostics_;
};

// What a reference may name and carry (kuma.md 2.0).
struct TargetRefRules {
  std::vector<std::string_view> kinds;
  bool inbound_policy = false;       // sectionName on Dataplane
  bool gateway_tags_allowed = true;  // tags on MeshGateway
};

// Precondition: ref is a mapping (or null: a missing kind is reported at `holder`).
void validate_target_ref(Validator& validator, const Node& holder, const Node* ref, const std::string& path,
                         const TargetRefRules& rules);
// The kind of a top-level reference; an omitted one means Mesh.
std::string_view target_kind(const Node& spec);

// spiffeID and sni of one inbound match. `require_one`: an empty match is an error.
struct MatchRules {
  bool require_one = true;
};
void validate_match(Validator& validator, const Node& match, const std::string& path,
                    const MatchRules& rules);

}  // namespace sluice::policy
