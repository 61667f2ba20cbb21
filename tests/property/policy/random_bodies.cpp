#include "random_bodies.h"

#include <array>
#include <cstddef>
#include <utility>

#include "policy/kinds/registry.h"

namespace sluice::policy::property {
namespace {

constexpr std::array kTexts{"web",
                            "a b",
                            "",
                            "yes",
                            "null",
                            "~",
                            "0x10",
                            "1.5",
                            "007",
                            "2e3",
                            "# no",
                            "a: b",
                            "- x",
                            "'",
                            "\"",
                            "\\",
                            "|",
                            ">",
                            "&a",
                            "*a",
                            "!!str x",
                            "%TAG",
                            "@x",
                            "`x",
                            "[",
                            "{a}",
                            "a\nb\n",
                            "\n\n x",
                            "tab\there",
                            "\xc3\xa4\xe2\x82\xac",
                            "\xf0\x9f\x90\x99",
                            "\xc2\x85",
                            "\xe2\x80\xa8",
                            "\x7f",
                            "a\r\nb",
                            "trailing ",
                            " leading",
                            "...",
                            "---",
                            "1_000",
                            "<<",
                            "=",
                            "\xef\xbb\xbf"
                            "bom",
                            "kuma.io/service",
                            "spiffe://m/web",
                            "10.0.0.0/8",
                            "2001:db8::1"};
constexpr std::array kDurations{"1s", "1h2m3.5s", "0", "100ms", "1.5h", "10us", "1ns", "0s", "-1s", "5"};
constexpr std::array kNames{"web", "a-1", "b.c"};

class Maker {
 public:
  explicit Maker(std::mt19937& random) : random_(random) {}

  Node value(const Schema& schema, int depth) {
    using Type = Schema::Type;
    if (chance(2)) return anything(2);
    switch (schema.type) {
      case Type::any:
        return anything(3);
      case Type::text:
        return schema.values.empty() || chance(5)
                   ? text()
                   : Node::of_text(schema.values[random_() % schema.values.size()]);
      case Type::loose_text:
        return scalar();
      case Type::boolean:
        return Node::of_boolean(chance(50));
      case Type::integer:
        return integer(schema);
      case Type::number:
        return chance(50) ? real() : integer(schema);
      case Type::int_or_text:
        return chance(50) ? integer(schema) : text();
      case Type::duration:
        return Node::of_text(kDurations[random_() % kDurations.size()]);
      case Type::object:
        return object(schema, depth);
      case Type::list:
        return list(schema, depth);
      case Type::text_map:
      case Type::loose_text_map:
        return map(schema.type == Type::loose_text_map);
    }
    return {};
  }

  bool chance(int percent) { return static_cast<int>(random_() % 100) < percent; }

  Node text() { return Node::of_text(kTexts[random_() % kTexts.size()]); }

  Node labels() {
    auto out = Node::empty_mapping();
    if (chance(50)) out.set("app", Node::of_text("a"));
    if (chance(30)) out.set("kuma.io/effect", Node::of_text("shadow"));
    if (chance(30)) out.set("kuma.io/origin", Node::of_text("zone"));
    if (chance(20)) out.set("kuma.io/display-name", Node::of_text("shown"));
    if (chance(20)) out.set("k8s.kuma.io/namespace", Node::of_text("ns"));
    if (chance(20)) out.set("n", Node::of_integer(7));
    return out;
  }

  Node name() { return Node::of_text(kNames[random_() % kNames.size()]); }

 private:
  Node real() {
    Node out;
    out.kind = Node::Kind::real;
    static constexpr std::array kReals{"1.5", "-0.25", "12.75", "0.1"};
    out.scalar = kReals[random_() % kReals.size()];
    return out;
  }

  Node integer(const Schema& schema) {
    if (!schema.choices.empty() && chance(80))
      return Node::of_integer(schema.choices[random_() % schema.choices.size()]);
    const auto low = schema.min.value_or(chance(10) ? INT64_MIN : 0);
    return Node::of_integer(low + static_cast<std::int64_t>(random_() % 500));
  }

  Node scalar() {
    switch (random_() % 4) {
      case 0:
        return Node::of_boolean(chance(50));
      case 1:
        return Node::of_integer(static_cast<std::int64_t>(random_()) - (std::int64_t{1} << 31));
      case 2:
        return real();
      default:
        return text();
    }
  }

  Node anything(int depth) {
    if (depth == 0 || chance(50)) return chance(10) ? Node() : scalar();
    Node out;
    out.kind = chance(50) ? Node::Kind::sequence : Node::Kind::mapping;
    for (auto left = random_() % 4; left > 0; --left) {
      if (out.is_sequence()) {
        out.items.push_back(anything(depth - 1));
      } else {
        out.set(text().scalar + std::to_string(left), anything(depth - 1));
      }
    }
    return out;
  }

  Node object(const Schema& schema, int depth) {
    auto out = Node::empty_mapping();
    const int percent = depth > 6 ? 15 : 45;
    for (const auto& field : schema.fields) {
      if (field.required ? chance(95) : chance(percent)) out.set(field.name, value(field.schema, depth + 1));
    }
    if (chance(3)) out.set("unknownField", anything(2));
    return out;
  }

  Node list(const Schema& schema, int depth) {
    Node out;
    out.kind = Node::Kind::sequence;
    for (auto left = random_() % (depth > 6 ? 2 : 4); left > 0 && !schema.element.empty(); --left)
      out.items.push_back(value(schema.element.front(), depth + 1));
    return out;
  }

  Node map(bool loose) {
    auto out = Node::empty_mapping();
    for (auto left = random_() % 4; left > 0; --left)
      out.set(text().scalar + std::to_string(left), loose ? scalar() : text());
    return out;
  }

  std::mt19937& random_;
};

// Text of YAML, as differently as it can be written.
class Scribe {
 public:
  explicit Scribe(std::mt19937& random) : random_(random) {}

  std::string document(const Node& node) {
    std::string out = chance(20) ? "---\n" : "";
    if (nested(node) && !flow_only(node)) {
      block(node, 0, out);
    } else {
      out += flow(node) + "\n";
    }
    return out;
  }

 private:
  bool chance(int percent) { return static_cast<int>(random_() % 100) < percent; }
  static bool nested(const Node& node) { return !node.is_scalar() && !node.is_null() && node.size() > 0; }
  bool flow_only(const Node&) { return chance(15); }

  static bool plain(const std::string& text) {
    if (text.empty() || text.front() < 'a' || text.front() > 'z') return false;
    for (const char c : text)
      if ((c < 'a' || c > 'z') && c != '/' && c != '-' && c != '.') return false;
    return text != "yes" && text != "no" && text != "on" && text != "off" && text != "true" &&
           text != "false" && text != "null";
  }
  static bool printable(const std::string& text) {
    for (const char c : text)
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) return false;
    return true;
  }

  std::string quoted(const std::string& text) {
    if (plain(text) && chance(60)) return text;
    if (printable(text) && chance(40)) {
      std::string out = "'";
      for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
      return out + "'";
    }
    return Node::of_text(text).to_json();
  }

  std::string scalar(const Node& node) {
    switch (node.kind) {
      case Node::Kind::null:
        return chance(50) ? "~" : "null";
      case Node::Kind::boolean:
        return node.scalar == "true" ? (chance(50) ? "true" : "Yes") : (chance(50) ? "false" : "off");
      case Node::Kind::integer:
        return node.scalar.starts_with('-') || chance(60) ? node.scalar : "+" + node.scalar;
      case Node::Kind::real:
        return real(node.scalar);
      case Node::Kind::text:
        return quoted(node.scalar);
      default:
        return node.is_mapping() ? "{}" : "[]";
    }
  }

  // .5 and 5. and 007.5 are numbers of YAML, but none of JSON.
  std::string real(std::string text) {
    if (text.starts_with("0.") && chance(50)) return text.substr(1);
    if (!text.starts_with('-') && chance(30)) return "+0" + text;
    return text;
  }

  std::string flow(const Node& node) {
    if (!nested(node)) return scalar(node);
    std::string out = node.is_mapping() ? "{" : "[";
    for (std::size_t i = 0; i < node.size(); ++i) {
      if (i > 0) out += ", ";
      out += node.is_mapping() ? quoted(node.fields[i].key) + ": " + flow(node.fields[i].value)
                               : flow(node.items[i]);
    }
    return out + (node.is_mapping() ? "}" : "]");
  }

  // A literal keeps what ends in one line feed and begins with a letter.
  static bool literal(const Node& node) {
    const auto& text = node.scalar;
    if (node.kind != Node::Kind::text || !text.ends_with('\n') || text.size() < 2) return false;
    if (text[text.size() - 2] == '\n') return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool starts = i == 0 || text[i - 1] == '\n';
      if (text[i] == '\n' ? starts : !printable(std::string(1, text[i])) || (starts && text[i] == ' '))
        return false;
    }
    return true;
  }

  void below(const Node& value, std::size_t indent, std::string& out) {
    if (nested(value) && !chance(20)) {
      out += chance(10) ? " # a note\n" : "\n";
      block(value, indent + 2, out);
    } else if (literal(value) && chance(70)) {
      out += " |\n";
      std::string line(indent + 2, ' ');
      for (const char c : value.scalar) {
        line += c;
        if (c != '\n') continue;
        out += line;
        line.assign(indent + 2, ' ');
      }
    } else {
      out += " " + flow(value) + (chance(10) ? "  # why\n" : "\n");
    }
  }

  void block(const Node& node, std::size_t indent, std::string& out) {
    const std::string blanks(indent, ' ');
    for (std::size_t i = 0; i < node.size(); ++i) {
      if (chance(3)) out += "\n";
      out += blanks + (node.is_mapping() ? quoted(node.fields[i].key) + ":" : "-");
      below(node.is_mapping() ? node.fields[i].value : node.items[i], indent, out);
    }
  }

  std::mt19937& random_;
};

}  // namespace

Node random_document_of(const KindInfo& kind, Dialect dialect, std::mt19937& random) {
  Maker make(random);
  const auto* schema = kind_schema(kind.name, dialect);
  auto body = schema == nullptr ? Node::empty_mapping() : make.value(*schema, 0);
  if (!body.is_mapping()) body = Node::empty_mapping();
  auto out = Node::empty_mapping();
  auto labels = make.labels();
  if (make.chance(50)) {
    out.set("type", Node::of_text(kind.name));
    if (kind.mesh_scoped) out.set("mesh", Node::of_text("default"));
    out.set("name", make.name());
    out.set("labels", std::move(labels));
    for (auto& field : body.fields) out.set(field.key, std::move(field.value));
    return out;
  }
  out.set("apiVersion", Node::of_text("kuma.io/v1alpha1"));
  out.set("kind", Node::of_text(kind.name));
  auto metadata = Node::empty_mapping();
  metadata.set("name", make.name());
  if (make.chance(50)) metadata.set("namespace", Node::of_text("ns"));
  metadata.set("labels", std::move(labels));
  out.set("metadata", std::move(metadata));
  const auto* spec = body.find("spec");
  out.set("spec", spec == nullptr ? std::move(body) : Node(*spec));
  return out;
}

std::string random_yaml(const Node& node, std::mt19937& random) {
  return Scribe(random).document(node);
}

}  // namespace sluice::policy::property
