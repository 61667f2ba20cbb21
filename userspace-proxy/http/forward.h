// Writes a head as it goes on to the next hop: the bytes as they came, without what belongs to this hop alone
// (RFC 9110 section 7.6.1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/edits.h"
#include "http/request.h"
#include "http/response.h"

namespace sluice::http {

// Appends to `out`. A target in absolute form becomes origin form with its authority as Host. The version
// stays: a server must not answer an HTTP/1.0 client in chunks. Fields that frame the message are not for
// edits.
void write_request(const Request& request, const Edits& edits, std::string& out);

// Appends to `out`. `close`: the connection to the client will not carry another response.
// Old clients (HTTP/1.0) that asked to keep the connection are told that it stays by `keep_alive`.
struct ResponseHop {
  bool close = false;
  bool keep_alive = false;
  // How this hop frames a body that came otherwise.
  enum class Coding : std::uint8_t { as_it_came, begin_chunks, end_chunks };
  Coding coding = Coding::as_it_came;
};
void write_response(const Response& response, const Edits& edits, ResponseHop hop, std::string& out);

// A whole answer of our own with a short text body. HEAD gets no body.
void write_local_answer(std::uint16_t status, std::string_view text, bool head, bool close, std::string& out);

std::string_view reason_phrase(std::uint16_t status);

}  // namespace sluice::http
