// Schema: the structure of a kind, declared once: fields, types, enumerations, ranges. Checking a document
// against it finds wrong types and unknown keys with their place; semantic rules are the validators'
// business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/document/diagnostic.h"
#include "policy/document/node.h"

namespace sluice::policy {

struct SchemaField;

struct Schema {
  enum class Type : std::uint8_t {
    any,  // not looked into
    text,
    loose_text,  // any scalar: old proto kinds take numbers and booleans for text
    boolean,
    integer,
    number,       // integer or real
    int_or_text,  // ports by name, percentages
    duration,     // Go duration text
    object,
    list,
    text_map,       // text to text
    loose_text_map  // text to any scalar
  };

  Type type = Type::any;
  std::vector<SchemaField> fields;       // object
  std::vector<Schema> element;           // list: exactly one
  std::vector<std::string_view> values;  // text: the allowed ones, when not empty
  std::vector<std::int64_t> choices;     // integer: the allowed ones, when not empty
  std::optional<std::int64_t> min;       // integer
  std::optional<std::int64_t> max;
  std::optional<std::size_t> min_size;  // text: bytes; list: items
  std::optional<std::size_t> max_size;
  bool (*form)(std::string_view text) = nullptr;  // text: a pattern
  std::string_view form_hint;                     // what to write to satisfy it
};

struct SchemaField {
  std::string_view name;
  Schema schema;
  bool required = false;
  std::optional<Node> default_value = std::nullopt;  // see schema_defaults.h
};

namespace schema {
Schema any();
Schema text();
Schema loose_text();
Schema one_of(std::vector<std::string_view> values);
Schema boolean();
Schema integer();
Schema integer(std::int64_t min, std::int64_t max);
Schema number();
Schema int_or_text();
Schema duration();
Schema text_map();
Schema loose_text_map();
Schema list(Schema element);
Schema object(std::vector<SchemaField> fields);
// The given text or list with limits of its size.
Schema sized(Schema schema, std::optional<std::size_t> min, std::optional<std::size_t> max = {});
Schema formed(Schema text, bool (*form)(std::string_view text), std::string_view hint);
// An optional field with a default.
SchemaField defaulted(std::string_view name, Schema schema, Node value);
}  // namespace schema

struct SchemaCheck {
  const std::string& file;
  Diagnostics& diagnostics;
  bool strict = false;            // unknown keys are errors
  bool nulls_are_values = false;  // else a null field counts as absent
};

// Reports everything below `node`. `path` is the place of `node`, "" for the document.
void check_schema(const Schema& schema, const Node& node, const std::string& path, const SchemaCheck& check);

// "path.key", or key alone at the top; keys that are no identifiers become path["key"].
std::string join_path(const std::string& path, std::string_view key);
std::string index_path(const std::string& path, std::size_t index);
std::string key_path(const std::string& path, std::string_view key);

}  // namespace sluice::policy
