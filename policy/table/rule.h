// Where a setting or verdict comes from: the policy document and its place, so that every refusal can name
// its rule.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::policy {

struct RuleRef {
  std::string policy;  // "MeshTrafficPermission/allow-web"
  std::string file;    // as given to the parser; empty when the text had no file
  std::uint32_t line = 0;

  bool operator==(const RuleRef&) const = default;
  std::string text() const;  // "MeshTrafficPermission/allow-web (mesh.yaml:12)"
};

// Index into TableImage::rules. Number 0 is always the empty rule: a built-in default decided.
enum class RuleIndex : std::uint32_t { built_in = 0 };

}  // namespace sluice::policy
