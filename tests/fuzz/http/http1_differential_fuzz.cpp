// What we forward is read by others as we read it: a stream of requests goes through our parser and writer,
// and what comes out through libhttp-parser and Node's parser. Each must see the same messages with the same
// targets, fields and bodies, or refuse. First byte: how the forwarded bytes are cut.
#include <cstdint>
#include <string>

#include "compare.h"
#include "http/forward.h"

namespace {

using namespace sluice::http;
using namespace sluice::fuzz;

// The head that goes out, as we would read it ourselves.
Message own_reading(std::string_view head) {
  HeadReader reader(HeadReader::Kind::request);
  const auto read = read_request(reader, head);
  require(read && *read, "we refuse what we write");
  const Request& request = **read;
  Message message{std::string(request.method), std::string(request.target.path), {}, {}};
  for (const Field& field : request.fields->all()) {
    append_field(message.fields, field.name(head), field.value(head));
  }
  return message;
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
  Message message = own_reading(text);
  require(message.method == request.method && message.target == request.target.path, "the head we write");
  const bool chunked = request.body.kind == BodyLength::Kind::chunked;
  BodyReader body_reader(request.body);
  if (!forward_body(body_reader, rest, chunked, text, message.body)) return false;
  if (!body_reader.done()) return false;
  if (chunked) text.append("0\r\n").append(body_reader.trailers()).append("\r\n");
  bytes = rest;
  out += text;
  ours.push_back(std::move(message));
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static NodeParser node(SLUICE_NODE_PARSER, "requests");
  static Tally tally;
  compare_forwarded({data, size}, forward_one, node, false, tally);
  return 0;
}
