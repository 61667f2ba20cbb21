// Node's HTTP/1 parser in a child process (node_parser.js), asked over two pipes.
#pragma once

#include <cstddef>
#include <string>

#include "seen.h"

namespace sluice::fuzz {

class NodeParser {
 public:
  // Starts `node` with the script; `what`: "requests" or "responses". Ends the program where there is none.
  NodeParser(const char* script, const char* what);

  // `piece`: how many bytes the parser is given at once.
  Seen read(const std::string& bytes, std::size_t piece);

 private:
  int to_ = -1;
  int from_ = -1;
};

}  // namespace sluice::fuzz
