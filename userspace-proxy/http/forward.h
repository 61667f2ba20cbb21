// Writes a head as it goes on to the next hop: the bytes as they came, without what belongs to this hop alone
// (RFC 9110 section 7.6.1).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "http/request.h"
#include "http/response.h"

namespace sluice::http {

// A field to add; a field of the same name that came is left out.
struct SetField {
  std::string_view name;
  std::string_view value;
};

// Appends to `out`. A target in absolute form becomes origin form with its authority as Host. The version stays:
// a server must not answer an HTTP/1.0 client in chunks.
void write_request(const Request& request, std::span<const SetField> set, std::string& out);

// Appends to `out`. `close`: the connection to the client will not carry another response.
// Old clients (HTTP/1.0) that asked to keep the connection are told that it stays by `keep_alive`.
struct ResponseHop {
  bool close = false;
  bool keep_alive = false;
};
void write_response(const Response& response, ResponseHop hop, std::string& out);

// A whole answer of our own with a short text body. HEAD gets no body.
void write_local_answer(std::uint16_t status, std::string_view text, bool head, bool close, std::string& out);

std::string_view reason_phrase(std::uint16_t status);

}  // namespace sluice::http
