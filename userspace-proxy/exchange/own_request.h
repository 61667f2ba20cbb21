// A request of the proxy's own making, in the form in which requests of clients come.
#pragma once

#include <string>

#include "http/request.h"

namespace sluice::exchange {

class OwnRequest {
 public:
  // `head`: from the request line to the empty line. valid() says whether it is a request.
  explicit OwnRequest(std::string head);
  OwnRequest(const OwnRequest&) = delete;
  OwnRequest& operator=(const OwnRequest&) = delete;

  bool valid() const { return valid_; }
  const http::Request& request() const { return request_; }

 private:
  std::string head_;
  http::HeadReader reader_{http::HeadReader::Kind::request};
  http::Request request_;
  bool valid_ = false;
};

}  // namespace sluice::exchange
