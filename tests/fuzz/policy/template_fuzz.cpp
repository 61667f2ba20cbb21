// Any text as a hostname template: parsed within its limits or refused with words, and rendered to the same
// text every time.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "policy/kinds/text_template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::policy;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string problem;
  const auto parsed = TextTemplate::parse(text, problem);
  if (!parsed) {
    if (problem.empty()) std::abort();
    return 0;
  }
  if (text.size() > TextTemplate::kMaxText) std::abort();
  TemplateValues values;
  values.fields = {
      {"Name", "web"}, {"DisplayName", "web"}, {"Namespace", "shop"}, {"Mesh", "default"}, {"Zone", ""}};
  values.label = [](std::string_view key) -> std::optional<std::string> {
    if (key == "app") return "shop";
    return std::nullopt;
  };
  std::string first;
  std::string second;
  const auto rendered = parsed->render(values, first);
  if (rendered != parsed->render(values, second) || first != second) std::abort();
  if (!rendered && first.empty()) std::abort();
  return 0;
}
