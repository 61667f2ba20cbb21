// Heads of a test's own making, and the address at which its server listens.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/address.h"
#include "http/request.h"
#include "http/response.h"
#include "io/buffer.h"

namespace sluice::codec {

inline SocketAddr server_address() {
  return *SocketAddr::parse("10.0.0.2:80");
}

inline io::Chunk chunk_of(std::string_view text) {
  return io::Chunk::copy_of(std::as_bytes(std::span(text)));
}

// A parsed head that owns its text, which must be one.
struct Asking {
  explicit Asking(std::string own_text)
      : text(std::move(own_text)), request(**http::read_request(reader, text)) {}
  std::string text;
  http::HeadReader reader{http::HeadReader::Kind::request};
  http::Request request;
};
struct Answering {
  explicit Answering(std::string own_text)
      : text(std::move(own_text)), response(**http::read_response(reader, text, {})) {}
  std::string text;
  http::HeadReader reader{http::HeadReader::Kind::response};
  http::Response response;
};

}  // namespace sluice::codec
