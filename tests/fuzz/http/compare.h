// What the differential fuzz targets share: messages as others read them, and what must be the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

// How much there was to compare, told at the end.
struct Tally {
  std::uint64_t inputs = 0;
  std::uint64_t messages = 0;
  ~Tally();
};

}  // namespace sluice::fuzz
