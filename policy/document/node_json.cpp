#include <string>
#include <string_view>

#include "policy/document/node.h"

namespace sluice::policy {
namespace {

// The code point of a character of two or three bytes that YAML does not take as it is, or takes for the end
// of a line; 0 for all others. So what is printed here is read as the same text by a reader of either
// language.
unsigned needs_escape(std::string_view rest) {
  const auto byte = [&](std::size_t i) { return i < rest.size() ? static_cast<unsigned char>(rest[i]) : 0U; };
  if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) < 0xa0) return byte(1);
  if (byte(0) != 0xe2 && byte(0) != 0xef) return 0;
  const auto code = (byte(0) & 15U) << 12 | (byte(1) & 63U) << 6 | (byte(2) & 63U);
  return code == 0x2028 || code == 0x2029 || code == 0xfeff || code >= 0xfffe ? code : 0;
}

void escape(unsigned code, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(code >> shift) & 15];
}

void quote(std::string_view text, std::string& out) {
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      escape(byte, out);
    } else if (const auto code = needs_escape(text.substr(i, 3)); code != 0) {
      escape(code, out);
      i += code < 0x800 ? 1 : 2;
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
