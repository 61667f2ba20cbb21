// One use of an endpoint, a request or a connection of bytes: counted against its limits as long as it lives,
// and what was seen of the endpoint told to those who judge it. Empty where nothing is known of the endpoint
// (an address outside the mesh): then nothing is counted and nothing refused.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "upstream/cluster.h"
#include "upstream/endpoint.h"
#include "upstream/limits.h"
#include "upstream/outlier.h"

namespace sluice::upstream {

class Use {
 public:
  Use() = default;
  // `host` is one of the cluster's.
  Use(std::shared_ptr<const Cluster> cluster, const Host& host);
  Use(Use&&) noexcept = default;
  // What borrows from the cluster goes before it.
  Use& operator=(Use&& other) noexcept {
    place_ = std::move(other.place_);
    active_ = std::move(other.active_);
    host_ = other.host_;
    cluster_ = std::move(other.cluster_);
    return *this;
  }

  // The endpoint's place in the service's list.
  std::uint32_t backend() const { return host_ == nullptr ? 0 : host_->backend; }
  // Null: none.
  std::shared_ptr<Limits> limits() const {
    return cluster_ == nullptr ? nullptr : cluster_->limits().shared_from_this();
  }

  // Takes a place among the requests, or among the connections. Fails with breaker_open.
  Result<> take(Limited what);

  void saw(const Observation& seen, MonoTime now) const;
  void connected(MonoTime now) const { saw({.kind = Observation::Kind::connected}, now); }
  void answered(std::uint16_t status, MonoTime now) const;
  // What an error says of the endpoint; nothing where the client, policy or a limit was the cause.
  // `connected`: the connection had been made.
  void failed(const Error& error, bool connected, MonoTime now) const;
  // How long the endpoint took to answer.
  void took(Nanos latency, MonoTime now) const;

 private:
  std::shared_ptr<const Cluster> cluster_;
  const Host* host_ = nullptr;
  ActiveRequest active_;
  Place place_;
};

}  // namespace sluice::upstream
