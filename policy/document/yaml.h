// YAML 1.1 or JSON text to Nodes. Hostile input is refused in bounded time and memory: size, depth, number of
// nodes and their bytes (aliases count as what they expand to), number of documents, and length of a value
// and of a key have limits; what comes out is at most a small multiple of the text. Text must be UTF-8 and
// keys scalars. The libyaml header is included by yaml.cpp only.
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
  std::size_t key_bytes = 1024;
  std::size_t directives = 64;  // lines such as %TAG
  // Besides `nodes`: what aliases may multiply a text of any size to, so that many small texts cannot do
  // together what one large text may not.
  std::size_t nodes_per_byte = 4;
  std::size_t value_bytes_per_byte = 16;
  // A key given twice in one mapping: refused, or, as Kuma reads its documents, the last one holds with a
  // warning.
  bool last_key_holds = false;
};

// The documents before the first syntax error, empty documents left out; the error goes to `diagnostics`.
std::vector<Node> parse_yaml(std::string_view text, const std::string& file, Diagnostics& diagnostics,
                             const YamlLimits& limits = {});

}  // namespace sluice::policy
