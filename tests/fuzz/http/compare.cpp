#include "compare.h"

#include <http_parser.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace sluice::fuzz {

void append_field(std::string& fields, std::string_view name, std::string_view value) {
  fields.append(name).append(": ").append(value).append("\n");
}

namespace {

// libhttp-parser leaves white space behind a value, which is no part of it.
struct Other {
  Seen seen;
  Message open;
  std::string name;
  std::string value;
  bool in_value = false;
  bool head_done = false;

  static Other& of(http_parser* parser) { return *static_cast<Other*>(parser->data); }
  void end_field() {
    if (!in_value || head_done) return;
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.pop_back();
    append_field(open.fields, name, value);
    name.clear();
    value.clear();
    in_value = false;
  }
};

int begin(http_parser* parser) {
  Other& other = Other::of(parser);
  other.open = {};
  other.name.clear();  // of a trailer
  other.value.clear();
  other.in_value = other.head_done = false;
  return 0;
}
int url(http_parser* parser, const char* at, std::size_t size) {
  Other::of(parser).open.target.append(at, size);
  return 0;
}
int field_name(http_parser* parser, const char* at, std::size_t size) {
  Other& other = Other::of(parser);
  other.end_field();
  other.name.append(at, size);
  return 0;
}
int field_value(http_parser* parser, const char* at, std::size_t size) {
  Other& other = Other::of(parser);
  other.in_value = true;
  other.value.append(at, size);
  return 0;
}
int head_complete(http_parser* parser) {
  Other& other = Other::of(parser);
  other.end_field();
  other.head_done = true;
  // It would take what frames a body at its word there; a client tells it better (RFC 9112 section 6.3).
  const bool bodiless = parser->status_code == 304 || parser->status_code == 204 || parser->status_code < 200;
  return parser->type == HTTP_RESPONSE && bodiless ? 1 : 0;
}
int body(http_parser* parser, const char* at, std::size_t size) {
  Other::of(parser).open.body.append(at, size);
  return 0;
}
int complete(http_parser* parser) {
  Other& other = Other::of(parser);
  other.open.method = parser->type == HTTP_RESPONSE
                          ? std::to_string(parser->status_code)
                          : http_method_str(static_cast<http_method>(parser->method));
  other.seen.whole.push_back(other.open);
  return 0;
}

}  // namespace

Seen read_by_http_parser(const std::string& bytes, std::size_t piece, bool responses) {
  http_parser_settings settings;
  http_parser_settings_init(&settings);
  settings.on_message_begin = begin;
  settings.on_url = url;
  settings.on_header_field = field_name;
  settings.on_header_value = field_value;
  settings.on_headers_complete = head_complete;
  settings.on_body = body;
  settings.on_message_complete = complete;
  http_parser parser;
  http_parser_init(&parser, responses ? HTTP_RESPONSE : HTTP_REQUEST);
  Other other;
  parser.data = &other;
  for (std::size_t at = 0; at < bytes.size() && !other.seen.refused; at += piece) {
    const std::size_t size = std::min(piece, bytes.size() - at);
    // After an upgrade what follows is not HTTP to it.
    other.seen.refused =
        http_parser_execute(&parser, &settings, bytes.data() + at, size) != size || parser.upgrade != 0;
  }
  return std::move(other.seen);
}

void append_chunk(std::string& out, std::string_view data) {
  char line[24];
  std::snprintf(line, sizeof line, "%zx\r\n", data.size());
  out.append(line).append(data).append("\r\n");
}

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "difference: %s\n", what);
  std::abort();
}

namespace {

void require_same(const std::string& theirs, const std::string& ours, const char* what) {
  if (theirs != ours) std::fprintf(stderr, "theirs: '%s'\nours: '%s'\n", theirs.c_str(), ours.c_str());
  require(theirs == ours, what);
}

}  // namespace

// Refusing less than all of it is its right; seeing anything else is smuggling.
void compare(const std::vector<Message>& ours, const Seen& seen) {
  require(seen.whole.size() <= ours.size(), "more messages");
  require(seen.refused || seen.whole.size() == ours.size(), "fewer messages");
  for (std::size_t i = 0; i < seen.whole.size(); ++i) {
    require_same(seen.whole[i].method, ours[i].method, "method");
    require_same(seen.whole[i].target, ours[i].target, "target");
    require_same(seen.whole[i].fields, ours[i].fields, "fields");
    require_same(seen.whole[i].body, ours[i].body, "body");
  }
}

bool forward_body(http::BodyReader& reader, std::string_view& rest, bool chunked, std::string& text,
                  std::string& body) {
  while (!reader.done() && !rest.empty()) {
    const auto step = reader.next(rest);
    if (!step) return false;
    if (!step->data.empty()) {
      body += step->data;
      if (chunked) {
        append_chunk(text, step->data);
      } else {
        text += step->data;
      }
    }
    rest.remove_prefix(step->consumed);
  }
  return true;
}

void compare_forwarded(std::span<const std::uint8_t> input, ForwardOne* forward_one, NodeParser& node,
                       bool responses, Tally& tally) {
  if (input.empty()) return;
  const std::size_t piece = 1 + input[0];
  std::string_view bytes(reinterpret_cast<const char*>(input.data()) + 1, input.size() - 1);
  std::string forwarded;
  std::vector<Message> ours;
  while (!bytes.empty() && forward_one(bytes, forwarded, ours)) {
  }
  if (ours.empty()) return;
  ++tally.inputs;
  tally.messages += ours.size();
  compare(ours, read_by_http_parser(forwarded, piece, responses));
  compare(ours, node.read(forwarded, piece));
}

Tally::~Tally() {
  std::fprintf(stderr, "compared %llu messages of %llu inputs\n", static_cast<unsigned long long>(messages),
               static_cast<unsigned long long>(inputs));
}

}  // namespace sluice::fuzz
