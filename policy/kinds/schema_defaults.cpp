#include "policy/kinds/schema_defaults.h"

#include <algorithm>

namespace sluice::policy {
namespace {

void fill(const SchemaField& field, Node& parent) {
  if (!field.default_value) return;
  const auto entry = std::ranges::find(parent.fields, field.name, &Entry::key);
  const bool absent = entry == parent.fields.end();
  if (!absent && !entry->value.is_null()) return;
  auto value = *field.default_value;
  value.mark = absent ? parent.mark : entry->value.mark;
  parent.set(field.name, std::move(value));
}

}  // namespace

void apply_defaults(const Schema& schema, Node& node) {
  if (schema.type == Schema::Type::list && node.is_sequence()) {
    for (auto& item : node.items) apply_defaults(schema.element.front(), item);
  }
  if (schema.type != Schema::Type::object || !node.is_mapping()) return;
  for (const auto& field : schema.fields) {
    fill(field, node);
    if (auto* value = node.find(field.name)) apply_defaults(field.schema, *value);
  }
}

void drop_unknown(const Schema& schema, Node& node) {
  if (schema.type == Schema::Type::list && node.is_sequence()) {
    for (auto& item : node.items) drop_unknown(schema.element.front(), item);
  }
  if (schema.type != Schema::Type::object || !node.is_mapping()) return;
  std::erase_if(node.fields, [&](const Entry& entry) {
    return std::ranges::find(schema.fields, entry.key, &SchemaField::name) == schema.fields.end();
  });
  for (const auto& field : schema.fields) {
    if (auto* value = node.find(field.name)) drop_unknown(field.schema, *value);
  }
}

}  // namespace sluice::policy
