#include "policy/rules/matches_hash.h"

#include <initializer_list>
#include <string_view>

#include "x509/digest.h"

namespace sluice::policy {
namespace {

// The bytes that are hashed have upstream's order of fields and escape what HTML escapes.
Node ordered(const Node& from, std::initializer_list<std::string_view> keys) {
  auto out = Node::empty_mapping();
  for (const auto key : keys) {
    if (const auto* value = from.find(key)) out.set(key, *value);
  }
  return out;
}

Node ordered_list(const Node& list) {
  Node out;
  out.kind = Node::Kind::sequence;
  for (const auto& item : list.items) out.items.push_back(ordered(item, {"type", "name", "value"}));
  return out;
}

Node ordered_match(const Node& match) {
  auto out = Node::empty_mapping();
  if (const auto* path = match.find("path")) out.set("path", ordered(*path, {"value", "type"}));
  if (const auto* method = match.find("method")) out.set("method", *method);
  for (const auto* key : {"queryParams", "headers"}) {
    if (const auto* list = match.find(key); list != nullptr && list->size() > 0)
      out.set(key, ordered_list(*list));
  }
  return out;
}

std::string html_escaped(std::string_view json) {
  std::string out;
  for (const char c : json) {
    if (c == '<') {
      out += "\\u003c";
    } else if (c == '>') {
      out += "\\u003e";
    } else if (c == '&') {
      out += "\\u0026";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string matches_hash(const Node& matches) {
  Node list;
  list.kind = Node::Kind::sequence;
  for (const auto& match : matches.items) list.items.push_back(ordered_match(match));
  return sha256_base64(html_escaped(list.to_json()));
}

}  // namespace sluice::policy
