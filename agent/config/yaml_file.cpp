// The configuration file's text -> settings.
#include <fmt/format.h>

#include "config/config.h"
#include "policy/document/yaml.h"

namespace sluice::agent {
namespace {

Outcome<std::vector<std::string>> values_of(const policy::Node& node, const std::string& where) {
  if (node.is_scalar()) return std::vector{node.scalar};
  if (node.is_null()) return std::vector{std::string()};
  std::vector<std::string> out;
  for (const auto& item : node.items) {
    if (!item.is_scalar()) return fault(where + ": expected a list of plain values");
    out.push_back(item.scalar);
  }
  if (node.is_mapping()) return fault(where + ": expected a value or a list");
  return out;
}

}  // namespace

Outcome<std::vector<Setting>> parse_config(std::string_view text, const std::string& file_name) {
  if (text.empty())
    return fault(file_name + ": is empty, as a file is that is just being written",
                 "write `{}` into it if every default is wanted");
  policy::Diagnostics diagnostics;
  const auto documents = policy::parse_yaml(text, file_name, diagnostics, {64 << 10, 8, 4096, 2, 16 << 10});
  if (diagnostics.has_errors()) return fault(diagnostics.list().front().text(), "see docs/configuration.md");
  if (documents.size() > 1) return fault(file_name + ": more than one document");
  std::vector<Setting> out;
  if (documents.empty()) return out;
  const auto at = [&](const policy::Mark& mark) { return fmt::format("{}:{}", file_name, mark.line); };
  if (!documents.front().is_mapping())
    return fault(file_name + ": expected sections with keys", "see docs/configuration.md");
  for (const auto& section : documents.front().fields) {
    if (section.value.is_null()) continue;
    if (!section.value.is_mapping())
      return fault(fmt::format("{}: section '{}' has no keys", at(section.mark), section.key));
    for (const auto& field : section.value.fields) {
      auto values = values_of(field.value, at(field.mark));
      if (!values) return std::unexpected(values.error());
      out.push_back({section.key + "." + field.key, std::move(*values), at(field.mark)});
    }
  }
  return out;
}

}  // namespace sluice::agent
