// The identity by which a connection is judged, kept alive as long as the connection may be judged again.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/peer_identity.h"
#include "policy/table/decision.h"

namespace sluice::relay {

class JudgedPeer {
 public:
  JudgedPeer() = default;
  // The names of a certificate or of a local workload; `sni` is what the peer asked for, empty when nothing.
  JudgedPeer(std::span<const std::string> uris, std::string_view sni);
  JudgedPeer(const JudgedPeer&) = delete;
  JudgedPeer& operator=(const JudgedPeer&) = delete;
  JudgedPeer(JudgedPeer&&) noexcept = default;
  JudgedPeer& operator=(JudgedPeer&&) noexcept = default;

  // Null when the connection is not authenticated.
  const policy::Peer* get() const { return uris_ ? &peer_ : nullptr; }
  // The first SPIFFE ID, for people; empty when not authenticated.
  std::string_view name() const {
    return peer_.spiffe_uris.empty() ? std::string_view() : peer_.spiffe_uris.front();
  }

 private:
  // Behind pointers, so that the views in peer_ survive a move.
  std::unique_ptr<std::vector<std::string>> uris_;
  std::unique_ptr<std::string> sni_;
  policy::Peer peer_;
};

}  // namespace sluice::relay
