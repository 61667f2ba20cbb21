// The endpoints that the attempts of one request may choose from, and those that were tried.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "policy/table/table.h"
#include "upstream/chooser.h"
#include "upstream/use.h"

namespace sluice::exchange {

class Endpoints {
 public:
  // Which of the two depends on the side. Null chooser: an address outside the mesh, or an application of
  // which policy says nothing. What is given borrows from a table that outlives this.
  void lead_to(const policy::OutboundRoute& service, std::shared_ptr<upstream::Chooser> chooser);
  void lead_to(const policy::Permit& application, std::shared_ptr<upstream::Chooser> chooser);
  // Hash balancing: what the request is hashed to.
  void hashed_to(std::optional<std::uint64_t> hash) { hash_ = hash; }

  struct Picked {
    policy::Permit permit;
    upstream::Use use;
  };
  // `retry`: whose host selection applies; null for the first attempt. Refusals: the chooser's.
  Result<Picked> pick(const policy::RetryImage* retry, MonoTime now);
  // The last one was not its endpoint's fault: it does not count as tried.
  void forget_last();

  // Null: none.
  const upstream::Cluster* cluster() const { return chooser_ == nullptr ? nullptr : &chooser_->cluster(); }
  const std::optional<policy::Permit>& application() const { return application_; }  // inbound
  // What the table says of them; null: nothing.
  const policy::ClusterImage* image() const;

 private:
  std::optional<policy::OutboundRoute> service_;  // outbound
  std::optional<policy::Permit> application_;     // inbound
  std::shared_ptr<upstream::Chooser> chooser_;
  std::optional<std::uint64_t> hash_;
  std::optional<std::uint32_t> last_;
  std::vector<std::uint32_t> tried_;  // before the last one: most requests are tried once and need none
};

}  // namespace sluice::exchange
