#include "policy/kinds/schema.h"

#include <algorithm>

#include "policy/kinds/duration.h"

namespace sluice::policy {

namespace schema {
namespace {
Schema of(Schema::Type type) {
  Schema out;
  out.type = type;
  return out;
}
}  // namespace

Schema any() {
  return of(Schema::Type::any);
}
Schema text() {
  return of(Schema::Type::text);
}
Schema loose_text() {
  return of(Schema::Type::loose_text);
}
Schema boolean() {
  return of(Schema::Type::boolean);
}
Schema integer() {
  return of(Schema::Type::integer);
}
Schema number() {
  return of(Schema::Type::number);
}
Schema int_or_text() {
  return of(Schema::Type::int_or_text);
}
Schema duration() {
  return of(Schema::Type::duration);
}
Schema text_map() {
  return of(Schema::Type::text_map);
}
Schema loose_text_map() {
  return of(Schema::Type::loose_text_map);
}

Schema one_of(std::vector<std::string_view> values) {
  auto out = of(Schema::Type::text);
  out.values = std::move(values);
  return out;
}
Schema integer(std::int64_t min, std::int64_t max) {
  auto out = of(Schema::Type::integer);
  out.min = min;
  out.max = max;
  return out;
}
Schema list(Schema element) {
  auto out = of(Schema::Type::list);
  out.element.push_back(std::move(element));
  return out;
}
Schema object(std::vector<SchemaField> fields) {
  auto out = of(Schema::Type::object);
  out.fields = std::move(fields);
  return out;
}
Schema sized(Schema schema, std::optional<std::size_t> min, std::optional<std::size_t> max) {
  schema.min_size = min;
  schema.max_size = max;
  return schema;
}
Schema formed(Schema text, bool (*form)(std::string_view), std::string_view hint) {
  text.form = form;
  text.form_hint = hint;
  return text;
}
SchemaField defaulted(std::string_view name, Schema schema, Node value) {
  return {name, std::move(schema), false, std::move(value)};
}
}  // namespace schema

std::string join_path(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}
std::string index_path(const std::string& path, std::size_t index) {
  return path + "[" + std::to_string(index) + "]";
}
std::string key_path(const std::string& path, std::string_view key) {
  return path + "[\"" + std::string(key) + "\"]";
}

namespace {

std::string quoted_list(const std::vector<std::string_view>& values) {
  std::string out;
  for (const auto value : values) out += (out.empty() ? "" : ", ") + std::string(value);
  return out;
}

class Walker {
 public:
  explicit Walker(const SchemaCheck& check) : check_(check) {}

  void walk(const Schema& schema, const Node& node, const std::string& path) {
    if (node.is_null() && !check_.nulls_are_values) return;
    switch (schema.type) {
      case Schema::Type::any:
        return;
      case Schema::Type::text:
        return check_text(schema, node, path);
      case Schema::Type::loose_text:
        return expect(node.is_scalar(), node, path, "must be text");
      case Schema::Type::boolean:
        return expect(node.kind == Node::Kind::boolean, node, path, "must be true or false");
      case Schema::Type::integer:
        return check_integer(schema, node, path);
      case Schema::Type::number:
        return expect(node.kind == Node::Kind::integer || node.kind == Node::Kind::real, node, path,
                      "must be a number");
      case Schema::Type::int_or_text:
        return expect(node.kind == Node::Kind::integer || node.kind == Node::Kind::text, node, path,
                      "must be a whole number or text", "put a decimal number in quotes");
      case Schema::Type::duration:
        return expect(node.kind == Node::Kind::text && parse_duration(node.scalar), node, path,
                      "must be a duration", "write for example 10s, 500ms or 1h30m");
      case Schema::Type::object:
        return check_object(schema, node, path);
      case Schema::Type::list:
        return check_list(schema, node, path);
      case Schema::Type::text_map:
      case Schema::Type::loose_text_map:
        return check_map(schema, node, path);
    }
  }

 private:
  void report(Severity severity, Mark mark, std::string path, std::string message, std::string hint = {}) {
    check_.diagnostics.add(
        {severity, Stage::schema, check_.file, mark, std::move(path), std::move(message), std::move(hint)});
  }

  void expect(bool holds, const Node& node, const std::string& path, std::string message,
              std::string hint = {}) {
    if (!holds) report(Severity::error, node.mark, path, std::move(message), std::move(hint));
  }

  void check_text(const Schema& schema, const Node& node, const std::string& path) {
    if (node.kind != Node::Kind::text) {
      return report(Severity::error, node.mark, path, "must be text", "put the value in quotes");
    }
    check_size(schema, node.scalar.size(), " characters", node, path);
    if (schema.form != nullptr && !schema.form(node.scalar)) {
      report(Severity::error, node.mark, path, "\"" + node.scalar + "\" does not have the form of this field",
             std::string(schema.form_hint));
    }
    if (schema.values.empty() || std::ranges::find(schema.values, node.scalar) != schema.values.end()) return;
    report(Severity::error, node.mark, path, "\"" + node.scalar + "\" is not one of the allowed values",
           "write one of: " + quoted_list(schema.values));
  }

  void check_size(const Schema& schema, std::size_t size, const char* what, const Node& node,
                  const std::string& path) {
    if (schema.min_size && size < *schema.min_size) {
      report(Severity::error, node.mark, path,
             "must have at least " + std::to_string(*schema.min_size) + what);
    }
    if (schema.max_size && size > *schema.max_size) {
      report(Severity::error, node.mark, path,
             "must have at most " + std::to_string(*schema.max_size) + what);
    }
  }

  void check_integer(const Schema& schema, const Node& node, const std::string& path) {
    const auto value = node.kind == Node::Kind::integer ? node.as_integer() : std::nullopt;
    if (!value) return report(Severity::error, node.mark, path, "must be a whole number");
    if ((schema.min && *value < *schema.min) || (schema.max && *value > *schema.max)) {
      report(Severity::error, node.mark, path,
             "must be between " + std::to_string(schema.min.value_or(INT64_MIN)) + " and " +
                 std::to_string(schema.max.value_or(INT64_MAX)));
    }
    if (schema.choices.empty() || std::ranges::find(schema.choices, *value) != schema.choices.end()) return;
    std::string hint = "write one of:";
    for (const auto choice : schema.choices) hint += " " + std::to_string(choice);
    report(Severity::error, node.mark, path, node.scalar + " is not one of the allowed values",
           std::move(hint));
  }

  void check_object(const Schema& schema, const Node& node, const std::string& path) {
    if (!node.is_mapping()) return report(Severity::error, node.mark, path, "must be a mapping");
    for (const auto& entry : node.fields) {
      const auto field = std::ranges::find(schema.fields, entry.key, &SchemaField::name);
      if (field == schema.fields.end()) {
        unknown_key(schema, entry, path);
        continue;
      }
      walk(field->schema, entry.value, join_path(path, entry.key));
    }
    for (const auto& field : schema.fields) {
      if (field.required && !given(node, field.name)) {
        report(Severity::error, node.mark, join_path(path, field.name), "is required");
      }
    }
  }

  bool given(const Node& node, std::string_view key) const {
    const auto entry = std::ranges::find(node.fields, key, &Entry::key);
    return entry != node.fields.end() && (check_.nulls_are_values || !entry->value.is_null());
  }

  void unknown_key(const Schema& schema, const Entry& entry, const std::string& path) {
    std::vector<std::string_view> known;
    for (const auto& field : schema.fields) known.push_back(field.name);
    report(check_.strict ? Severity::error : Severity::warning, entry.mark, join_path(path, entry.key),
           "unknown key, it has no effect",
           known.empty() ? "remove it" : "known keys: " + quoted_list(known));
  }

  void check_list(const Schema& schema, const Node& node, const std::string& path) {
    if (!node.is_sequence())
      return report(Severity::error, node.mark, path, "must be a list", "start items with `-`");
    check_size(schema, node.items.size(), " items", node, path);
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const auto& element = schema.element.front();
      expect(!node.items[i].is_null() || check_.nulls_are_values || element.type == Schema::Type::any,
             node.items[i], index_path(path, i), "must not be empty");
      walk(element, node.items[i], index_path(path, i));
    }
  }

  void check_map(const Schema& schema, const Node& node, const std::string& path) {
    const bool loose = schema.type == Schema::Type::loose_text_map;
    if (!node.is_mapping())
      return report(Severity::error, node.mark, path, "must be a mapping of text to text");
    for (const auto& entry : node.fields) {
      const auto& value = entry.value;
      const bool text = loose ? value.is_scalar() : value.kind == Node::Kind::text;
      // As the schema's own checker writes it; validators write path["key"].
      expect(text || (value.is_null() && !check_.nulls_are_values), value,
             loose ? key_path(path, entry.key) : path + "." + entry.key, "must be text",
             "put the value in quotes");
    }
  }

  const SchemaCheck& check_;
};

}  // namespace

void check_schema(const Schema& schema, const Node& node, const std::string& path, const SchemaCheck& check) {
  Walker(check).walk(schema, node, path);
}

}  // namespace sluice::policy
