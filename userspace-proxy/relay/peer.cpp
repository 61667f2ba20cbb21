#include "relay/peer.h"

#include <algorithm>
#include <functional>
#include <iterator>

namespace sluice::relay {

JudgedPeer::JudgedPeer(std::span<const std::string> uris, std::string_view sni)
    : uris_(std::make_unique<std::vector<std::string>>()), sni_(std::make_unique<std::string>(sni)) {
  const auto is_spiffe = [](const std::string& uri) { return uri.starts_with("spiffe://"); };
  uris_->reserve(uris.size());
  std::ranges::copy_if(uris, std::back_inserter(*uris_), is_spiffe);
  const std::size_t spiffe_count = uris_->size();
  std::ranges::copy_if(uris, std::back_inserter(*uris_), std::not_fn(is_spiffe));
  peer_.spiffe_uris = std::span<const std::string>(*uris_).first(spiffe_count);
  peer_.kuma_uris = std::span<const std::string>(*uris_).subspan(spiffe_count);
  peer_.sni = *sni_;
}

}  // namespace sluice::relay
