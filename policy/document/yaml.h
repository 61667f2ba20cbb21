// YAML 1.1 or JSON text to Nodes. Hostile input is refused in bounded time and memory: size, depth, number of
// nodes (aliases count as what they expand to), number of documents and length of a scalar have limits; text
// must be UTF-8; keys must be scalars and unique. The libyaml header is included by yaml.cpp only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policy/document/diagnostic.h"
#include "policy/document/node.h"

namespace sluice::policy {

struct YamlLimits {
  std::size_t bytes = std::size_t{8} << 20;
  std::size_t depth = 64;
  std::size_t nodes = 500'000;
  std::size_t documents = 20'000;
  std::size_t scalar_bytes = std::size_t{1} << 20;
};

// The documents before the first syntax error, empty documents left out; the error goes to `diagnostics`.
std::vector<Node> parse_yaml(std::string_view text, const std::string& file, Diagnostics& diagnostics,
                             const YamlLimits& limits = {});

}  // namespace sluice::policy
