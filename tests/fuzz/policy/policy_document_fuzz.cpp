// Any text through parser, envelope, validators and compiler; what compiles must make a sound table.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/engine/compile.h"
#include "policy/kinds/check.h"
#include "policy/table/table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::policy;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto checked = check_text(text, "fuzz.yaml");
  (void)checked.diagnostics.text();
  Numbers numbers;
  const auto compiled = compile({checked.resources, "n", {}}, numbers);
  if (!Table::build(compiled.table)) std::abort();
  return 0;
}
