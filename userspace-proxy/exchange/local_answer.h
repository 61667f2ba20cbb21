// An answer of the proxy itself, in the form in which answers of endpoints come.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/response.h"

namespace sluice::exchange {

class LocalAnswer {
 public:
  // `fields`: further lines in lower case, each with its CRLF, without anything that frames a message. Their
  // content-type counts, else the text is plain.
  LocalAnswer(std::uint16_t status, std::string_view text, std::string_view fields, http::Asked asked);
  LocalAnswer(const LocalAnswer&) = delete;
  LocalAnswer& operator=(const LocalAnswer&) = delete;

  const http::Response& response() const { return response_; }
  std::string_view text() const { return text_; }

 private:
  std::string head_;
  std::string text_;
  http::HeadReader reader_{http::HeadReader::Kind::response};
  http::Response response_;
};

}  // namespace sluice::exchange
