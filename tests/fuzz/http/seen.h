// What a reader of HTTP/1 requests makes of bytes, to be compared with what another makes of them.
#pragma once

#include <string>
#include <vector>

namespace sluice::fuzz {

struct Message {
  std::string method;
  std::string target;
  std::string fields;  // "name: value\n" each, without white space around the value
  std::string body;
};

struct Seen {
  std::vector<Message> whole;
  bool refused = false;  // something after them
};

}  // namespace sluice::fuzz
