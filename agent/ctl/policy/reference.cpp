#include <fmt/core.h>

#include <map>

#include "ctl/policy/json_schema.h"
#include "policy/kinds/registry.h"

namespace sluice::ctl {
namespace {

using policy::Dialect;
using policy::Schema;
using Type = Schema::Type;

std::string joined_values(const auto& values) {
  std::string out;
  for (const auto& value : values) out += fmt::format("{}{}", out.empty() ? "" : ", ", value);
  return out;
}

std::string range_word(const Schema& schema) {
  if (!schema.choices.empty()) return "one of " + joined_values(schema.choices);
  if (schema.min && schema.max) return fmt::format("integer, {} to {}", *schema.min, *schema.max);
  if (schema.min) return fmt::format("integer, at least {}", *schema.min);
  return schema.max ? fmt::format("integer, at most {}", *schema.max) : "integer";
}

std::string type_word(const Schema& schema) {
  switch (schema.type) {
    case Type::any:
      return "any value";
    case Type::text:
      return schema.values.empty() ? "text" : joined_values(schema.values);
    case Type::loose_text:
      return "text";
    case Type::boolean:
      return "true, false";
    case Type::integer:
      return range_word(schema);
    case Type::number:
      return "number";
    case Type::int_or_text:
      return "integer or text";
    case Type::duration:
      return "duration";
    case Type::object:
      return "mapping";
    case Type::list:
      return "list of " + (schema.element.empty() ? std::string("any value") : type_word(schema.element[0]));
    case Type::text_map:
    case Type::loose_text_map:
      return "mapping of text to text";
  }
  return {};
}

struct Row {
  std::string path, type, default_value;
};

// Path by path, in the order of the table. Mappings that were listed before are referred to.
class Rows {
 public:
  explicit Rows(const Schema& schema) { fields(schema, ""); }

  std::vector<Row> rows;

 private:
  void fields(const Schema& schema, const std::string& prefix) {
    for (const auto& field : schema.fields) {
      if (prefix.empty() && field.name == "status") continue;  // the control plane's
      const auto path = prefix + (prefix.empty() ? "" : ".") + std::string(field.name);
      const auto value = field.default_value ? "`" + field.default_value->to_json() + "`" : "";
      add(field.schema, path, field.required ? "required" : value);
    }
  }

  void add(const Schema& schema, std::string path, const std::string& default_value) {
    const Schema* inner = &schema;
    while (inner->type == Type::list && !inner->element.empty()) {
      inner = &inner->element.front();
      path += "[]";
    }
    if (inner->type != Type::object || inner->fields.empty()) {
      rows.push_back({path, type_word(*inner), default_value});
      return;
    }
    const auto [seen, is_new] = seen_.try_emplace(json_schema(*inner).dump(), path);
    if (!is_new) {
      rows.push_back({path, "as `" + seen->second + "`", default_value});
      return;
    }
    if (!default_value.empty()) rows.push_back({path, "mapping", default_value});
    fields(*inner, path);
  }

  std::map<std::string, std::string> seen_;  // of a mapping -> where it was listed
};

std::string support_word(const policy::KindInfo& kind) {
  std::string out;
  if (kind.support == policy::Support::accepted) out = "Accepted with a warning: nothing acts on it yet.";
  if (kind.support == policy::Support::in_part)
    out = "Enforced where it adds Lua filters only; a node refuses the rest.";
  if (kind.support == policy::Support::not_served) out = "Accepted with a warning: not served.";
  if (kind.support == policy::Support::elsewhere) out = "Accepted: concerns control planes and zones.";
  if (kind.support == policy::Support::enforced) out = "Enforced.";
  return out + (kind.until_kuma_2 ? " Kuma 3 does not know this kind." : "");
}

// The rows of Kuma 2.14 with what Kuma 3 has instead, then what only Kuma 3 has.
std::string table_of(std::string_view kind, bool until_kuma_2) {
  const Rows two(*policy::kind_schema(kind, Dialect::kuma_2));
  std::map<std::string, Row> three;
  if (!until_kuma_2)
    for (auto& row : Rows(*policy::kind_schema(kind, Dialect::kuma_3)).rows) three.emplace(row.path, row);
  std::string out = "| Field | Value | Default | Kuma 3 |\n|---|---|---|---|\n";
  for (const auto& row : two.rows) {
    std::string change;
    const auto found = three.find(row.path);
    if (found == three.end()) {
      change = until_kuma_2 ? "" : "ignored";
    } else {
      if (found->second.type != row.type) change = found->second.type;
      if (found->second.default_value != row.default_value)
        change += (change.empty() ? "" : "; ") + std::string("default ") +
                  (found->second.default_value.empty() ? "none" : found->second.default_value);
      three.erase(found);
    }
    out += fmt::format("| `{}` | {} | {} | {} |\n", row.path, row.type, row.default_value, change);
  }
  for (const auto& [path, row] : three) out += fmt::format("| `{}` | | | {}, only here |\n", path, row.type);
  return out;
}

}  // namespace

std::string reference_page() {
  std::string out =
      "# Fields of every kind\n\n"
      "Made from the schema tables in `policy/kinds` by `sluice policy schema --reference`; do not edit.\n\n"
      "Fields below `[]` are of each item of a list. `required` stands in place of a default. The column "
      "Kuma 3 says what `--dialect kuma-3` has instead. Rules between fields are Kuma's own and are told by "
      "`sluice policy check`; `sluice policy schema KIND` prints the same tables as JSON Schema.\n";
  std::string old;
  for (const auto& kind : policy::kind_catalog()) {
    if (kind.support == policy::Support::refused) {
      old += fmt::format("| {} | {} |\n", kind.name, kind.replaced_by);
      continue;
    }
    out += fmt::format("\n## {}\n\n{}\n", kind.name, support_word(kind));
    if (policy::kind_schema(kind.name, Dialect::kuma_2) != nullptr)
      out += "\n" + table_of(kind.name, kind.until_kuma_2);
  }
  return out + "\n## Refused kinds\n\n| Kind | Write instead |\n|---|---|\n" + old;
}

}  // namespace sluice::ctl
