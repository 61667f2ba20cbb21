// The same as http1_differential_fuzz for responses: what we write to the client is read by libhttp-parser
// and by Node's parser as we read it, message by message. First byte: how the forwarded bytes are cut.
#include <cstdint>
#include <string>
#include <utility>

#include "compare.h"
#include "http/forward.h"

namespace {

using namespace sluice::http;
using namespace sluice::fuzz;

// The head that goes out, as we would read it ourselves.
Message own_reading(std::string_view head, const Response& from, ResponseHop hop) {
  HeadReader reader(HeadReader::Kind::response);
  const auto read = read_response(reader, head, {});
  require(read && *read, "we refuse what we write");
  const Response& response = **read;
  require(response.status == from.status, "the head we write");
  const bool same = response.body.kind == from.body.kind && response.body.bytes == from.body.bytes;
  const bool new_chunks = hop.coding == ResponseHop::Coding::begin_chunks;
  require(new_chunks ? response.body.kind == BodyLength::Kind::chunked : same, "the framing we write");
  Message message{std::to_string(response.status), {}, {}, {}};
  for (const Field& field : response.fields->all()) {
    append_field(message.fields, field.name(head), field.value(head));
  }
  return message;
}

// One response off the front of `bytes`, forwarded to `out`. False: nothing more is forwarded.
bool forward_one(std::string_view& bytes, std::string& out, std::vector<Message>& ours) {
  HeadReader reader(HeadReader::Kind::response);
  const auto read = read_response(reader, bytes, {});
  if (!read || !*read) return false;
  const Response& response = **read;
  if (response.fields->size() == kFieldsMax) return false;  // no room for one more
  const bool to_the_end = response.body.kind == BodyLength::Kind::until_close;
  ResponseHop hop;
  if (to_the_end) hop.coding = ResponseHop::Coding::begin_chunks;
  std::string text;
  write_response(response, {}, hop, text);
  std::string_view rest = bytes.substr(response.head.size());
  Message message = own_reading(text, response, hop);
  const bool chunked = to_the_end || response.body.kind == BodyLength::Kind::chunked;
  BodyReader body_reader(response.body);
  if (!forward_body(body_reader, rest, chunked, text, message.body)) return false;
  if (!body_reader.may_end_by_close()) return false;
  if (chunked) text.append("0\r\n").append(body_reader.trailers()).append("\r\n");
  bytes = rest;
  out += text;
  ours.push_back(std::move(message));
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static NodeParser node(SLUICE_NODE_PARSER, "responses");
  static Tally tally;
  compare_forwarded({data, size}, forward_one, node, true, tally);
  return 0;
}
