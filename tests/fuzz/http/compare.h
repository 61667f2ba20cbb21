// What the differential fuzz targets share: messages as others read them, and what must be the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/body.h"
#include "node_parser.h"
#include "seen.h"

namespace sluice::fuzz {

void append_field(std::string& fields, std::string_view name, std::string_view value);
void append_chunk(std::string& out, std::string_view data);

// Aborts with a word on what differs.
void require(bool holds, const char* what);
// Refusing less than all of it is the other's right; seeing anything else is smuggling.
void compare(const std::vector<Message>& ours, const Seen& seen);

// libhttp-parser's reading. `piece`: how many bytes it is given at once.
Seen read_by_http_parser(const std::string& bytes, std::size_t piece, bool responses);

// Forwards what `rest` holds of a body into `text` and `body`, and takes it off. False: we refuse it.
bool forward_body(http::BodyReader& reader, std::string_view& rest, bool chunked, std::string& text,
                  std::string& body);

// How much there was to compare, told at the end.
struct Tally {
  std::uint64_t inputs = 0;
  std::uint64_t messages = 0;
  ~Tally();
};

// One message off the front of `bytes`, forwarded to `out`. False: nothing more is forwarded.
using ForwardOne = bool(std::string_view& bytes, std::string& out, std::vector<Message>& ours);

// Forwards all of an input and compares. Its first byte says how the forwarded bytes are cut.
void compare_forwarded(std::span<const std::uint8_t> input, ForwardOne* forward_one, NodeParser& node,
                       bool responses, Tally& tally);

}  // namespace sluice::fuzz
