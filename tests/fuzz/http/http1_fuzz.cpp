// Hostile messages. First byte: request or response, what was asked, and how the bytes are cut. Held: cutting
// changes no verdict; what is forwarded reads as the same message; a body ends at the same byte however it
// comes.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/body.h"
#include "http/forward.h"

namespace {

using namespace sluice::http;

void require(bool holds) {
  if (!holds) std::abort();
}

struct BodyEnd {
  bool refused = false;
  bool done = false;
  std::size_t consumed = 0;
  std::string content;
};

BodyEnd walk(std::string_view bytes, const BodyLength& length, std::size_t piece) {
  BodyReader reader(length);
  BodyEnd end;
  while (!bytes.empty() && !reader.done()) {
    std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    while (!part.empty() && !reader.done()) {
      const auto step = reader.next(part);
      if (!step) {
        end.refused = true;
        return end;
      }
      require(step->consumed > 0 && step->consumed <= part.size());
      end.consumed += step->consumed;
      end.content += step->data;
      part.remove_prefix(step->consumed);
    }
  }
  end.done = reader.done();
  return end;
}

void check_body(std::string_view rest, const BodyLength& length, std::size_t piece) {
  const BodyEnd whole = walk(rest, length, rest.size());
  const BodyEnd pieces = walk(rest, length, piece);
  require(whole.refused == pieces.refused && whole.done == pieces.done);
  if (!whole.refused) require(whole.consumed == pieces.consumed && whole.content == pieces.content);
}

void check_request(std::string_view bytes, std::size_t piece) {
  HeadReader whole_reader(HeadReader::Kind::request);
  HeadReader reader(HeadReader::Kind::request);
  const auto whole = read_request(whole_reader, bytes);
  for (std::size_t have = 0; have < bytes.size(); have += piece) {
    const auto part = read_request(reader, bytes.substr(0, have));
    if (!part) require(!whole);
    if (!part || *part) break;
  }
  if (!whole || !*whole) return;
  const Request& request = **whole;
  std::string out;
  write_request(request, {}, out);
  HeadReader again_reader(HeadReader::Kind::request);
  const auto again = read_request(again_reader, out);
  require(again && *again && (*again)->head.size() == out.size());
  require((*again)->method == request.method && (*again)->body == request.body);
  require((*again)->authority == request.authority && (*again)->upgrade == request.upgrade);
  check_body(bytes.substr(request.head.size()), request.body, piece);
}

void check_response(std::string_view bytes, Asked asked, std::size_t piece) {
  HeadReader reader(HeadReader::Kind::response);
  const auto whole = read_response(reader, bytes, asked);
  if (!whole || !*whole) return;
  std::string out;
  write_response(**whole, {}, {}, out);
  HeadReader again_reader(HeadReader::Kind::response);
  const auto again = read_response(again_reader, out, asked);
  require(again && *again && (*again)->head.size() == out.size());
  require((*again)->status == (*whole)->status && (*again)->body == (*whole)->body);
  check_body(bytes.substr((*whole)->head.size()), (*whole)->body, piece);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece = 1 + (data[0] >> 4);
  const Asked asked{.head = (data[0] & 2) != 0, .connect = (data[0] & 4) != 0, .upgrade = (data[0] & 8) != 0};
  if ((data[0] & 1) != 0) {
    check_response(bytes, asked, piece);
  } else {
    check_request(bytes, piece);
  }
  return 0;
}
