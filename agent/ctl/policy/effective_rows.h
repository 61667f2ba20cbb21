// Effective configuration as a flat list of values, for tables and comparisons.
#pragma once

#include <string>
#include <vector>

#include "policy/effective/effective.h"

namespace sluice::ctl {

struct EffectiveRow {
  std::string part;   // "to MeshService backend:http", "in 8080", "proxy"
  std::string kind;   // of the policies
  std::string who;    // which clients, by match or tags; empty: everybody
  std::string field;  // "http.requestTimeout"
  std::string value;  // JSON
  policy::RuleRef origin;

  std::string place() const;  // "MeshTimeout/fast mesh.yaml:54"
};

// In the order of the proxy's parts.
std::vector<EffectiveRow> effective_rows(const policy::EffectiveProxy& proxy);

}  // namespace sluice::ctl
