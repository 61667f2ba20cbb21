// Node: one value of a YAML or JSON document with its place in the text. A plain tree, owned by value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

// 1-based; 0 when the node was made by the program (a merge, say).
struct Mark {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  bool operator==(const Mark&) const = default;
};

struct Entry;

struct Node {
  enum class Kind : std::uint8_t { null, boolean, integer, real, text, sequence, mapping };

  Kind kind = Kind::null;
  Mark mark;
  std::string scalar;         // text: as written, without quotes; boolean, integer, real: as JSON writes it
  std::vector<Node> items;    // sequence
  std::vector<Entry> fields;  // mapping, in document order, keys unique

  bool is_null() const { return kind == Kind::null; }
  bool is_mapping() const { return kind == Kind::mapping; }
  bool is_sequence() const { return kind == Kind::sequence; }
  bool is_scalar() const { return !is_null() && !is_mapping() && !is_sequence(); }
  std::size_t size() const;

  // The field's value, or null when this is no mapping, has no such key, or its value is YAML null.
  const Node* find(std::string_view key) const;
  Node* find(std::string_view key);
  // Follows keys from mapping to mapping.
  const Node* find_path(std::initializer_list<std::string_view> keys) const;
  // The scalar under key, or an empty view.
  std::string_view text_of(std::string_view key) const;
  // The scalar as a whole number, when it is one.
  std::optional<std::int64_t> as_integer() const;
  std::optional<bool> as_boolean() const;
  // Sets or replaces a field (this becomes a mapping if it was null).
  Node& set(std::string_view key, Node value);
  void erase(std::string_view key);

  static Node of_text(std::string_view value);
  static Node of_integer(std::int64_t value);
  static Node of_boolean(bool value);
  static Node empty_mapping();

  // Same value; marks are not compared, mappings regardless of order.
  bool same_value(const Node& other) const;
  std::string to_json() const;
};

struct Entry {
  std::string key;
  Mark mark;
  Node value;
};

inline std::size_t Node::size() const {
  return is_mapping() ? fields.size() : items.size();
}

}  // namespace sluice::policy
