#include <string>
#include <string_view>

#include "policy/document/node.h"

namespace sluice::policy {
namespace {

void quote(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[(static_cast<unsigned char>(c) >> 4) & 15];
      out += kHex[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void write(const Node& node, std::string& out);

void write_items(const Node& node, std::string& out) {
  out += '[';
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    if (i > 0) out += ',';
    write(node.items[i], out);
  }
  out += ']';
}

void write_fields(const Node& node, std::string& out) {
  out += '{';
  for (std::size_t i = 0; i < node.fields.size(); ++i) {
    if (i > 0) out += ',';
    quote(node.fields[i].key, out);
    out += ':';
    write(node.fields[i].value, out);
  }
  out += '}';
}

void write(const Node& node, std::string& out) {
  switch (node.kind) {
    case Node::Kind::null:
      out += "null";
      break;
    case Node::Kind::boolean:
    case Node::Kind::integer:
    case Node::Kind::real:
      out += node.scalar;
      break;
    case Node::Kind::text:
      quote(node.scalar, out);
      break;
    case Node::Kind::sequence:
      write_items(node, out);
      break;
    case Node::Kind::mapping:
      write_fields(node, out);
      break;
  }
}

}  // namespace

std::string Node::to_json() const {
  std::string out;
  write(*this, out);
  return out;
}

}  // namespace sluice::policy
