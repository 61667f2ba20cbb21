// Any text through parser, envelope, validators of both dialects, the policies that come with a mesh, the
// rules of every proxy, and compiler; what compiles must make a sound table.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/engine/compile.h"
#include "policy/kinds/check.h"
#include "policy/kinds/default_policies.h"
#include "policy/rules/inspect_json.h"
#include "policy/table/table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::policy;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto dialect : {Dialect::kuma_2, Dialect::kuma_3}) {
    auto checked = check_text(text, "fuzz.yaml", {.strict = false, .dialect = dialect, .limits = {}});
    (void)checked.diagnostics.text();
    if (!checked.resources.empty() && checked.resources.front().kind == "Mesh") {
      for (auto& policy : default_policies(checked.resources.front(), dialect)) {
        checked.resources.push_back(std::move(policy));
      }
    }
    Diagnostics diagnostics;
    const auto world = World::from(checked.resources, diagnostics, dialect);
    for (const auto& [name, mesh] : world.meshes) {
      for (const auto& dataplane : mesh.dataplanes) (void)inspect_json(rules_for(mesh, dataplane)).to_json();
    }
    Numbers numbers;
    const auto compiled = compile({checked.resources, "n", {}}, numbers);
    if (!Table::build(compiled.table)) std::abort();
  }
  return 0;
}
