// Any text through the reader of YAML and JSON; what is read and printed as JSON is read as the same value
// again (parse, print, parse).
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "policy/document/yaml.h"

namespace {

// Where print and parse may differ: JSON has no other spellings of numbers than decimal ones, and a key of
// 1024 bytes, to which escapes (six bytes each) may blow up a shorter one, is refused by the reader.
bool plain(const sluice::policy::Node& node) {
  using Kind = sluice::policy::Node::Kind;
  if (node.kind == Kind::integer || node.kind == Kind::real) return false;
  for (const auto& item : node.items)
    if (!plain(item)) return false;
  for (const auto& entry : node.fields)
    if (entry.key.size() > 160 || !plain(entry.value)) return false;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::policy;
  Diagnostics diagnostics;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& node : parse_yaml(text, "fuzz.json", diagnostics)) {
    if (!plain(node)) continue;
    Diagnostics again;
    const auto printed = node.to_json();
    const auto read = parse_yaml(printed, "again.json", again);
    if (again.has_errors() || read.size() != 1 || !read.front().same_value(node)) std::abort();
  }
  return 0;
}
