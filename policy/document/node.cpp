#include "policy/document/node.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace sluice::policy {
namespace {

const Entry* find_entry(const Node& node, std::string_view key) {
  if (!node.is_mapping()) return nullptr;
  const auto found = std::ranges::find_if(node.fields, [&](const Entry& entry) { return entry.key == key; });
  return found == node.fields.end() ? nullptr : &*found;
}

// Keys are unique, so that sorting them makes two mappings comparable in little more than linear time.
std::vector<const Entry*> by_key(const Node& node) {
  std::vector<const Entry*> out;
  out.reserve(node.fields.size());
  for (const auto& field : node.fields) out.push_back(&field);
  std::ranges::sort(out, {}, &Entry::key);
  return out;
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  const auto* entry = find_entry(*this, key);
  return entry == nullptr || entry->value.is_null() ? nullptr : &entry->value;
}

Node* Node::find(std::string_view key) {
  return const_cast<Node*>(std::as_const(*this).find(key));
}

const Node* Node::find_path(std::initializer_list<std::string_view> keys) const {
  const Node* at = this;
  for (const auto key : keys) {
    at = at->find(key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string_view Node::text_of(std::string_view key) const {
  const auto* value = find(key);
  return value != nullptr && value->is_scalar() ? std::string_view(value->scalar) : std::string_view();
}

std::optional<std::int64_t> Node::as_integer() const {
  if (!is_scalar()) return std::nullopt;
  std::int64_t value = 0;
  const char* end = scalar.data() + scalar.size();
  const char* begin = scalar.starts_with('+') ? scalar.data() + 1 : scalar.data();
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<bool> Node::as_boolean() const {
  if (kind != Kind::boolean) return std::nullopt;
  return scalar == "true";
}

Node& Node::set(std::string_view key, Node value) {
  if (is_null()) kind = Kind::mapping;
  for (auto& entry : fields) {
    if (entry.key == key) {
      entry.value = std::move(value);
      return entry.value;
    }
  }
  const auto place = value.mark;
  return fields.emplace_back(Entry{std::string(key), place, std::move(value)}).value;
}

void Node::erase(std::string_view key) {
  std::erase_if(fields, [&](const Entry& entry) { return entry.key == key; });
}

Node Node::of_text(std::string_view value) {
  Node node;
  node.kind = Kind::text;
  node.scalar = value;
  return node;
}

Node Node::of_integer(std::int64_t value) {
  Node node;
  node.kind = Kind::integer;
  node.scalar = std::to_string(value);
  return node;
}

Node Node::of_boolean(bool value) {
  Node node;
  node.kind = Kind::boolean;
  node.scalar = value ? "true" : "false";
  return node;
}

Node Node::empty_mapping() {
  Node node;
  node.kind = Kind::mapping;
  return node;
}

bool Node::same_value(const Node& other) const {
  if (kind != other.kind || scalar != other.scalar || items.size() != other.items.size() ||
      fields.size() != other.fields.size()) {
    return false;
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i].same_value(other.items[i])) return false;
  }
  const auto mine = by_key(*this);
  const auto theirs = by_key(other);
  return std::ranges::equal(mine, theirs, [](const Entry* a, const Entry* b) {
    return a->key == b->key && a->value.same_value(b->value);
  });
}

}  // namespace sluice::policy
