#include "exchange/own_request.h"

#include <utility>

namespace sluice::exchange {

OwnRequest::OwnRequest(std::string head) : head_(std::move(head)) {
  const auto read = http::read_request(reader_, head_);
  valid_ = read && *read;
  if (valid_) request_ = **read;
}

}  // namespace sluice::exchange
