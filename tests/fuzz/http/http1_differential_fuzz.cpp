// What we forward is read by others as we read it: a stream of requests goes through our parser and writer,
// and what comes out through libhttp-parser and Node's parser. Each must see the same messages with the same
// targets, fields and bodies, or refuse. First byte: how the forwarded bytes are cut.
#include <http_parser.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "http/body.h"
#include "http/forward.h"
#include "node_parser.h"

namespace {

using namespace sluice::http;
using sluice::fuzz::Message;
using sluice::fuzz::NodeParser;
using sluice::fuzz::Seen;

void add_field_to(std::string& fields, std::string_view name, std::string_view value) {
  fields.append(name).append(": ").append(value).append("\n");
}

// libhttp-parser's side. It leaves white space behind a value, which is no part of it.
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
    add_field_to(open.fields, name, value);
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
  return 0;
}
int body(http_parser* parser, const char* at, std::size_t size) {
  Other::of(parser).open.body.append(at, size);
  return 0;
}
int complete(http_parser* parser) {
  Other& other = Other::of(parser);
  other.open.method = http_method_str(static_cast<http_method>(parser->method));
  other.seen.whole.push_back(other.open);
  return 0;
}

Seen read_by_http_parser(const std::string& bytes, std::size_t piece) {
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
  http_parser_init(&parser, HTTP_REQUEST);
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

void require_same(const std::string& theirs, const std::string& ours, const char* what) {
  if (theirs != ours) std::fprintf(stderr, "theirs: '%s'\nours: '%s'\n", theirs.c_str(), ours.c_str());
  require(theirs == ours, what);
}

// The head that goes out, as we would read it ourselves.
Message own_reading(std::string_view head) {
  HeadReader reader(HeadReader::Kind::request);
  const auto read = read_request(reader, head);
  require(read && *read, "we refuse what we write");
  const Request& request = **read;
  Message message{std::string(request.method), std::string(request.target.path), {}, {}};
  for (const Field& field : request.fields->all()) {
    add_field_to(message.fields, field.name(head), field.value(head));
  }
  return message;
}

// How much there was to compare, told at the end.
struct Tally {
  std::uint64_t inputs = 0;
  std::uint64_t messages = 0;
  ~Tally() {
    std::fprintf(stderr, "compared %llu messages of %llu inputs\n", static_cast<unsigned long long>(messages),
                 static_cast<unsigned long long>(inputs));
  }
};

// One request off the front of `bytes`, forwarded to `out`. False: nothing more is forwarded.
bool forward_one(std::string_view& bytes, std::string& out, std::vector<Message>& ours) {
  HeadReader reader(HeadReader::Kind::request);
  const auto read = read_request(reader, bytes);
  if (!read || !*read) return false;
  const Request& request = **read;
  if (request.is_connect() || request.upgrade) return false;
  std::string text;
  write_request(request, {}, text);
  std::string_view rest = bytes.substr(request.head.size());
  Message message = own_reading(text);
  require(message.method == request.method && message.target == request.target.path, "the head we write");
  const bool chunked = request.body.kind == BodyLength::Kind::chunked;
  BodyReader body_reader(request.body);
  while (!body_reader.done() && !rest.empty()) {
    const auto step = body_reader.next(rest);
    if (!step) return false;
    if (!step->data.empty()) {
      message.body += step->data;
      if (chunked) {
        append_chunk(text, step->data);
      } else {
        text += step->data;
      }
    }
    rest.remove_prefix(step->consumed);
  }
  if (!body_reader.done()) return false;
  if (chunked) text.append("0\r\n").append(body_reader.trailers()).append("\r\n");
  bytes = rest;
  out += text;
  ours.push_back(std::move(message));
  return true;
}

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static NodeParser node(SLUICE_NODE_PARSER);
  static Tally tally;
  if (size < 1) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string forwarded;
  std::vector<Message> ours;
  while (!bytes.empty() && forward_one(bytes, forwarded, ours)) {
  }
  if (ours.empty()) return 0;
  ++tally.inputs;
  tally.messages += ours.size();
  const std::size_t piece = 1 + data[0];
  compare(ours, read_by_http_parser(forwarded, piece));
  compare(ours, node.read(forwarded, piece));
  return 0;
}
