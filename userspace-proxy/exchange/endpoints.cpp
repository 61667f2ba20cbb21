#include "exchange/endpoints.h"

#include <utility>

namespace sluice::exchange {

void Endpoints::lead_to(const policy::OutboundRoute& service, std::shared_ptr<upstream::Chooser> chooser) {
  service_ = service;
  chooser_ = std::move(chooser);
}

void Endpoints::lead_to(const policy::Permit& application, std::shared_ptr<upstream::Chooser> chooser) {
  application_ = application;
  chooser_ = std::move(chooser);
}

Result<Endpoints::Picked> Endpoints::pick(const policy::RetryImage* retry, MonoTime now) {
  if (chooser_ == nullptr) {
    if (application_) return Picked{*application_, {}};
    if (service_->size() == 0) return fail(Reason::no_endpoints, Origin::policy, "pick");
    return Picked{service_->permit(0), {}};
  }
  if (last_) tried_.push_back(*std::exchange(last_, std::nullopt));
  const auto host = chooser_->pick({.hash = hash_, .retry = retry, .tried = tried_}, now);
  if (!host) return std::unexpected(host.error());
  last_ = (*host)->backend;
  upstream::Use use(chooser_->shared_cluster(), **host);
  return Picked{application_ ? *application_ : service_->permit((*host)->backend), std::move(use)};
}

const policy::ClusterImage* Endpoints::image() const {
  if (application_) return application_->cluster();
  return service_ ? service_->cluster() : nullptr;
}

void Endpoints::forget_last() {
  last_.reset();
}

}  // namespace sluice::exchange
