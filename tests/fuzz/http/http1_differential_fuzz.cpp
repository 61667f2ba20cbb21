// What we forward is read by others as we read it: a stream of requests goes through our parser and writer,
// and what comes out through libhttp-parser, which must see the same messages with the same bodies, or
// refuse. First byte: how the forwarded bytes are cut, and whether bodies are framed anew.
#include <http_parser.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "http/body.h"
#include "http/forward.h"

namespace {

using namespace sluice::http;

struct Message {
  std::string method;
  std::string target;
  std::string body;
};

// What the other one sees.
struct Seen {
  std::vector<Message> whole;
  Message open;
  static Seen& of(http_parser* parser) { return *static_cast<Seen*>(parser->data); }
};

int begin(http_parser* parser) {
  Seen::of(parser).open = {};
  return 0;
}
int url(http_parser* parser, const char* at, std::size_t size) {
  Seen::of(parser).open.target.append(at, size);
  return 0;
}
int body(http_parser* parser, const char* at, std::size_t size) {
  Seen::of(parser).open.body.append(at, size);
  return 0;
}
int complete(http_parser* parser) {
  Seen& seen = Seen::of(parser);
  seen.open.method = http_method_str(static_cast<http_method>(parser->method));
  seen.whole.push_back(seen.open);
  return 0;
}

// False: it refused something.
bool read_by_other(const std::string& bytes, std::size_t piece, Seen& seen) {
  http_parser_settings settings;
  http_parser_settings_init(&settings);
  settings.on_message_begin = begin;
  settings.on_url = url;
  settings.on_body = body;
  settings.on_message_complete = complete;
  http_parser parser;
  http_parser_init(&parser, HTTP_REQUEST);
  parser.data = &seen;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const std::size_t size = std::min(piece, bytes.size() - at);
    if (http_parser_execute(&parser, &settings, bytes.data() + at, size) != size) return false;
    if (parser.upgrade != 0) return false;  // what follows is not HTTP to it
  }
  return true;
}

void append_chunk(std::string& out, std::string_view data) {
  char line[24];
  std::snprintf(line, sizeof line, "%zx\r\n", data.size());
  out.append(line).append(data).append("\r\n");
}

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
  Message message{std::string(request.method), std::string(request.target.path), {}};
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

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string forwarded;
  std::vector<Message> ours;
  while (!bytes.empty() && forward_one(bytes, forwarded, ours)) {
  }
  Seen seen;
  const bool whole = read_by_other(forwarded, 1 + data[0], seen);
  // Refusing less than all of it is its right; seeing anything else is smuggling.
  require(seen.whole.size() <= ours.size() && (!whole || seen.whole.size() == ours.size()));
  for (std::size_t i = 0; i < seen.whole.size(); ++i) {
    require(seen.whole[i].method == ours[i].method);
    require(seen.whole[i].body == ours[i].body);
  }
  return 0;
}
