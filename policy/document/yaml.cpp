#include "policy/document/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <map>
#include <utility>

#include "policy/document/yaml_scalar.h"

namespace sluice::policy {
namespace {

// One libyaml event, deleted on every path.
struct Event {
  yaml_event_t raw{};
  Event() = default;
  ~Event() { yaml_event_delete(&raw); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  Mark mark() const {
    return {static_cast<std::uint32_t>(raw.start_mark.line + 1),
            static_cast<std::uint32_t>(raw.start_mark.column + 1)};
  }
};

std::string to_text(const yaml_char_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

std::string anchor_text(const yaml_char_t* anchor) {
  return anchor == nullptr ? std::string() : reinterpret_cast<const char*>(anchor);
}

// What a value takes of the limits, its parts and their copies included.
struct Cost {
  std::size_t nodes = 0;
  std::size_t bytes = 0;
};

std::size_t depth_of(const Node& node) {
  std::size_t below = 0;
  for (const auto& item : node.items) below = std::max(below, depth_of(item) + 1);
  for (const auto& field : node.fields) below = std::max(below, depth_of(field.value) + 1);
  return below;
}

// Lines that start with '%'. libyaml compares every directive with all before it, so they are counted first.
std::size_t count_directives(std::string_view text) {
  std::size_t count = text.starts_with('%') ? 1 : 0;
  for (auto at = text.find("\n%"); at != std::string_view::npos; at = text.find("\n%", at + 1)) ++count;
  return count;
}

// Pulls events and builds one tree after the other. The first violation stops it: after a syntax error or a
// limit nothing that follows can be trusted.
class Composer {
 public:
  Composer(std::string_view text, const std::string& file, Diagnostics& diagnostics, const YamlLimits& limits)
      : file_(file),
        diagnostics_(diagnostics),
        limits_(limits),
        most_{std::min(limits.nodes, 64 + limits.nodes_per_byte * text.size()),
              1024 + limits.value_bytes_per_byte * text.size()} {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~Composer() { yaml_parser_delete(&parser_); }
  Composer(const Composer&) = delete;
  Composer& operator=(const Composer&) = delete;

  std::vector<Node> run() {
    std::vector<Node> documents;
    while (!failed_) {
      Event event;
      if (!next(event) || event.raw.type == YAML_STREAM_END_EVENT) break;
      if (event.raw.type != YAML_DOCUMENT_START_EVENT) continue;
      if (documents.size() == limits_.documents) {
        fail(event.mark(), "more than " + std::to_string(limits_.documents) + " documents in one file",
             "split the file");
        break;
      }
      Node document;
      anchors_.clear();
      Event content;
      if (!next(content) || !compose(content, document, 0)) break;
      if (!document.is_null()) documents.push_back(std::move(document));
    }
    return documents;
  }

 private:
  struct Anchored {
    Node node;
    Cost cost;              // what the alias adds each time
    std::size_t depth = 0;  // levels below it
  };

  bool fail(Mark mark, std::string message, std::string hint = {}) {
    if (!failed_) {
      diagnostics_.add(
          {Severity::error, Stage::syntax, file_, mark, {}, std::move(message), std::move(hint)});
    }
    failed_ = true;
    return false;
  }

  bool next(Event& event) {
    if (yaml_parser_parse(&parser_, &event.raw) != 0) return true;
    const Mark mark{static_cast<std::uint32_t>(parser_.problem_mark.line + 1),
                    static_cast<std::uint32_t>(parser_.problem_mark.column + 1)};
    std::string message = parser_.problem != nullptr ? parser_.problem : "malformed YAML";
    if (parser_.context != nullptr) message += std::string(" ") + parser_.context;
    return fail(mark, std::move(message), "check the indentation and quotes at this place");
  }

  bool count(const Cost& cost, Mark mark) {
    used_.nodes += cost.nodes;
    used_.bytes += cost.bytes;
    if (used_.nodes > most_.nodes) {
      return fail(mark,
                  "more than " + std::to_string(most_.nodes) + " values, aliases counted as what they repeat",
                  "write the values out, or split the file");
    }
    if (used_.bytes <= most_.bytes) return true;
    return fail(
        mark,
        "more than " + std::to_string(most_.bytes) + " bytes of values, aliases counted as what they repeat",
        "write the values out, or split the file");
  }

  bool compose(const Event& event, Node& out, std::size_t depth) {
    out.mark = event.mark();
    if (depth > limits_.depth) {
      return fail(out.mark, "nested deeper than " + std::to_string(limits_.depth) + " levels",
                  "no kind needs this");
    }
    const auto before = used_;
    // An alias counts as what it stands for.
    if (event.raw.type != YAML_ALIAS_EVENT && !count({1, 0}, out.mark)) return false;
    switch (event.raw.type) {
      case YAML_ALIAS_EVENT:
        return resolve_alias(event, out, depth);
      case YAML_SCALAR_EVENT:
        return scalar(event, out) && remember(anchor_text(event.raw.data.scalar.anchor), out, before);
      case YAML_SEQUENCE_START_EVENT:
        return plain_tag(event.raw.data.sequence_start.tag, YAML_SEQ_TAG, out.mark) && sequence(out, depth) &&
               remember(anchor_text(event.raw.data.sequence_start.anchor), out, before);
      case YAML_MAPPING_START_EVENT:
        return plain_tag(event.raw.data.mapping_start.tag, YAML_MAP_TAG, out.mark) && mapping(out, depth) &&
               remember(anchor_text(event.raw.data.mapping_start.anchor), out, before);
      default:
        return fail(out.mark, "unexpected end of the document");
    }
  }

  // The copy kept for aliases counts like any other value, so that nested anchors cannot multiply memory.
  bool remember(const std::string& anchor, const Node& node, const Cost& before) {
    if (anchor.empty()) return true;
    const Cost cost{used_.nodes - before.nodes, used_.bytes - before.bytes};
    if (!count(cost, node.mark)) return false;
    anchors_[anchor] = {node, cost, depth_of(node)};
    return true;
  }

  // Collections are what their syntax says. Any other tag is refused at once: expanding it could cost more
  // than reading the value.
  bool plain_tag(const yaml_char_t* tag, std::string_view usual, Mark mark) {
    const auto text = anchor_text(tag);
    if (text.empty() || text == "!" || text == usual) return true;
    return fail(mark, "tag " + text.substr(0, 64) + " is not supported", "remove the tag");
  }

  bool resolve_alias(const Event& event, Node& out, std::size_t depth) {
    const auto mark = event.mark();
    const auto name = anchor_text(event.raw.data.alias.anchor);
    const auto found = anchors_.find(name);
    if (found == anchors_.end()) return fail(mark, "alias *" + name + " refers to no earlier anchor");
    if (depth + found->second.depth > limits_.depth) {
      return fail(mark, "nested deeper than " + std::to_string(limits_.depth) + " levels through an alias");
    }
    if (!count(found->second.cost, mark)) return false;
    out = found->second.node;
    out.mark = mark;
    return true;
  }

  bool scalar(const Event& event, Node& out) {
    const auto& raw = event.raw.data.scalar;
    if (raw.length > limits_.scalar_bytes) {
      return fail(out.mark, "a value longer than " + std::to_string(limits_.scalar_bytes) + " bytes");
    }
    if (!count({0, raw.length}, out.mark)) return false;
    auto text = to_text(raw.value, raw.length);
    // A quoted "\0" passes libyaml, and no field has a use for it.
    if (text.find('\0') != std::string::npos) return fail(out.mark, "a NUL character within a value");
    const auto tag = anchor_text(raw.tag);
    if (raw.style == YAML_PLAIN_SCALAR_STYLE && tag.empty()) {
      resolve_plain(std::move(text), out);
    } else if (tag.empty() || tag == "!" || tag == YAML_STR_TAG) {
      out.kind = Node::Kind::text;
      out.scalar = std::move(text);
    } else if (tag == YAML_BOOL_TAG || tag == YAML_INT_TAG || tag == YAML_FLOAT_TAG || tag == YAML_NULL_TAG) {
      resolve_plain(std::move(text), out);
    } else {
      return fail(out.mark, "tag " + tag.substr(0, 64) + " is not supported", "remove the tag");
    }
    return true;
  }

  bool sequence(Node& out, std::size_t depth) {
    out.kind = Node::Kind::sequence;
    while (true) {
      Event event;
      if (!next(event)) return false;
      if (event.raw.type == YAML_SEQUENCE_END_EVENT) return true;
      if (!compose(event, out.items.emplace_back(), depth + 1)) return false;
    }
  }

  bool mapping(Node& out, std::size_t depth) {
    out.kind = Node::Kind::mapping;
    std::map<std::string, std::size_t, std::less<>> places;
    std::vector<Entry> merged;
    while (true) {
      Event event;
      if (!next(event)) return false;
      if (event.raw.type == YAML_MAPPING_END_EVENT) break;
      if (event.raw.type != YAML_SCALAR_EVENT) return fail(event.mark(), "a key must be a single value");
      const auto& raw = event.raw.data.scalar;
      if (raw.length > limits_.key_bytes) {
        return fail(event.mark(), "a key longer than " + std::to_string(limits_.key_bytes) + " bytes");
      }
      if (!count({0, raw.length}, event.mark())) return false;
      Entry entry{to_text(raw.value, raw.length), event.mark(), {}};
      const bool merge = entry.key == "<<" && raw.style == YAML_PLAIN_SCALAR_STYLE;
      Event value;
      if (!next(value) || !compose(value, entry.value, depth + 1)) return false;
      if (merge) {
        if (!take_merge(entry.value, merged)) return false;
        continue;
      }
      const auto [place, first] = places.emplace(entry.key, out.fields.size());
      if (first) {
        out.fields.push_back(std::move(entry));
      } else if (!replace(out.fields[place->second], std::move(entry))) {
        return false;
      }
    }
    for (auto& entry : merged) {
      if (places.emplace(entry.key, 0).second) out.fields.push_back(std::move(entry));
    }
    return true;
  }

  bool replace(Entry& earlier, Entry later) {
    const auto what = "key \"" + later.key + "\" is given twice";
    if (!limits_.last_key_holds) return fail(later.mark, what, "keep one of them");
    diagnostics_.add({Severity::warning,
                      Stage::syntax,
                      file_,
                      later.mark,
                      {},
                      what + ", the last one holds",
                      "keep one of them"});
    earlier = std::move(later);
    return true;
  }

  // YAML's merge key: fields of the named mapping(s) that this one does not set itself; earlier ones win.
  bool take_merge(const Node& value, std::vector<Entry>& merged) {
    if (value.is_mapping()) {
      merged.insert(merged.end(), value.fields.begin(), value.fields.end());
      return true;
    }
    for (const auto& item : value.items) {
      if (!item.is_mapping()) return fail(value.mark, "<< must name mappings");
      merged.insert(merged.end(), item.fields.begin(), item.fields.end());
    }
    return value.is_sequence() || fail(value.mark, "<< must name a mapping");
  }

  yaml_parser_t parser_{};
  const std::string& file_;
  Diagnostics& diagnostics_;
  const YamlLimits& limits_;
  std::map<std::string, Anchored> anchors_;
  const Cost most_;
  Cost used_;
  bool failed_ = false;
};

}  // namespace

std::vector<Node> parse_yaml(std::string_view text, const std::string& file, Diagnostics& diagnostics,
                             const YamlLimits& limits) {
  const auto refuse = [&](std::string message, std::string hint) {
    diagnostics.add({Severity::error, Stage::syntax, file, {}, {}, std::move(message), std::move(hint)});
    return std::vector<Node>();
  };
  if (text.size() > limits.bytes) {
    return refuse("larger than " + std::to_string(limits.bytes) + " bytes", "split the file");
  }
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (!is_clean_utf8(text)) return refuse("not valid UTF-8 text", "save the file as UTF-8");
  if (count_directives(text) > limits.directives) {
    return refuse("more than " + std::to_string(limits.directives) + " lines start with %",
                  "mesh documents need no directives");
  }
  return Composer(text, file, diagnostics, limits).run();
}

}  // namespace sluice::policy
