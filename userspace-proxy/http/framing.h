// Where the body of a message ends (RFC 9112 section 6), decided so that no two readers can differ: whatever
// is ambiguous is refused instead of repaired.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/fields.h"
#include "http/refusal.h"

namespace sluice::http {

struct BodyLength {
  enum class Kind : std::uint8_t {
    none,
    counted,      // `bytes` of them
    chunked,
    until_close,  // responses only
    tunnel        // no message any more: bytes both ways (101, or 2xx to CONNECT)
  };
  Kind kind = Kind::none;
  std::uint64_t bytes = 0;
  bool operator==(const BodyLength&) const = default;
};

// What Content-Length and Transfer-Encoding say together: none when neither is there.
Parsed<BodyLength> declared_length(std::string_view head, const FieldList& fields, bool version_1_1);

// What Connection asks for. Field names that it lists are hop-by-hop; naming one that every hop needs (Host,
// Content-Length, Transfer-Encoding, ...) is refused.
struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
};
Parsed<ConnectionOptions> connection_options(std::string_view head, const FieldList& fields);

// True when some Connection field lists `name`.
bool is_nominated(std::string_view head, const FieldList& fields, std::string_view name);

}  // namespace sluice::http
