#include "tunnel/stream_request.h"

namespace sluice::tunnel {
namespace {

bool set_once(std::optional<SocketAddr>& field, std::string_view value) {
  if (field) return false;
  field = SocketAddr::parse(value);
  return field && field->port != 0 && !field->ip.is_unspecified();
}

}  // namespace

bool RequestHeaders::add(std::string_view name, std::string_view value, std::size_t max_bytes) {
  bytes_ += name.size() + value.size() + 32;  // as RFC 9113 section 6.5.2 counts
  if (bytes_ > max_bytes) return false;
  if (name == ":method") return connect_ = value == "CONNECT";
  if (name == ":authority") return set_once(destination_, value);
  if (name == kClientHeader) return set_once(client_, value);
  return true;
}

std::optional<StreamRequest> RequestHeaders::request() const {
  if (!connect_ || !destination_ || !client_) return std::nullopt;
  return StreamRequest{*destination_, *client_};
}

}  // namespace sluice::tunnel
