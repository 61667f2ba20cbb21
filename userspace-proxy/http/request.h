// A request's head, read and judged. Views borrow from the bytes that were given to read_request.
#pragma once

#include <optional>
#include <string_view>

#include "http/framing.h"
#include "http/head_reader.h"
#include "http/target.h"

namespace sluice::http {

struct Request {
  std::string_view head;  // from the first byte given to the end of the empty line
  std::string_view method;
  Target target;
  std::string_view authority;  // of an absolute or authority target, else Host; empty: HTTP/1.0 without one
  bool version_1_1 = true;
  bool persistent = true;  // the client would send another request after this one
  bool upgrade = false;    // asks for another protocol (Connection: upgrade and Upgrade)
  bool expects_continue = false;
  BodyLength body;
  const FieldList* fields = nullptr;  // the reader's

  bool is_head() const { return method == "HEAD"; }
  bool is_connect() const { return method == "CONNECT"; }
};

// Nothing: more bytes are needed. `reader` is of kind request and keeps its place between calls.
Parsed<std::optional<Request>> read_request(HeadReader& reader, std::string_view bytes);

}  // namespace sluice::http
