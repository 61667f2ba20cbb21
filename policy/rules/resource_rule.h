// What the policies of one kind say of one destination, a real resource or a port of it (kuma.md 3.4).
#pragma once

#include <string>
#include <vector>

#include "policy/rules/rule.h"

namespace sluice::policy {

struct ResourceRule {
  const Resource* resource = nullptr;  // null: the whole mesh
  std::string mesh;
  std::string section;  // the port's name; empty: the whole resource
  std::vector<Node> confs;
  std::vector<Origin> origins;
};

}  // namespace sluice::policy
