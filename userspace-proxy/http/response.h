// A response's head, read and judged against the request that it answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/framing.h"
#include "http/head_reader.h"

namespace sluice::http {

// What of the request decides how its response is read.
struct Asked {
  bool head = false;     // HEAD: no body whatever the response says
  bool connect = false;  // CONNECT: 2xx begins a tunnel
  bool upgrade = false;  // 101 is allowed
};

struct Response {
  std::string_view head;
  std::uint16_t status = 0;
  std::string_view reason;  // may be empty
  bool version_1_1 = true;
  bool persistent = true;  // the connection may carry another request once the body is over
  BodyLength body;
  const FieldList* fields = nullptr;

  // 1xx other than 101: another response follows for the same request.
  bool interim() const { return status < 200 && status != 101; }
};

// Nothing: more bytes are needed. `reader` is of kind response.
Parsed<std::optional<Response>> read_response(HeadReader& reader, std::string_view bytes, Asked asked);

}  // namespace sluice::http
