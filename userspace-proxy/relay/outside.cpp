#include "relay/outside.h"

#include <utility>

#include "relay/connection.h"

namespace sluice::relay {
namespace {

constexpr Nanos kHandshakeMax = std::chrono::seconds(10);  // where no connectionTimeout says less

std::uint16_t number_of(policy::ExternalTls::Version version) {
  return version == policy::ExternalTls::Version::any
             ? std::uint16_t{0}
             : static_cast<std::uint16_t>(0x0300 + static_cast<int>(version));
}

tls::OutsideSettings settings_of(const policy::ExternalTls& from, const std::string& system_authorities,
                                 policy::Protocol protocol) {
  tls::OutsideSettings out;
  out.check_chain = from.check_chain;
  out.check_names = from.check_names;
  for (const auto& name : from.names) out.names.push_back({name.prefix, name.value});
  out.roots_pem = from.authorities.empty() ? system_authorities : from.authorities;
  out.chain_pem = from.chain;
  out.key_pem = from.key;
  out.min = number_of(from.min);
  out.max = number_of(from.max);
  out.http_1 = protocol == policy::Protocol::http;
  out.http_2 = protocol == policy::Protocol::http2 || protocol == policy::Protocol::grpc;
  return out;
}

}  // namespace

std::shared_ptr<const tls::Outside> OutsideContexts::known(const std::string& key) const {
  const auto found = made_.find(key);
  return found == made_.end() ? nullptr : found->second;
}

// Reading a system's authorities takes longer than a worker has time.
io::Task<Result<std::shared_ptr<const tls::Outside>>> OutsideContexts::get(
    io::OffloadPool* pool, std::string key, const tls::OutsideSettings* settings) {
  for (;;) {
    if (auto found = known(key)) co_return found;
    const auto other = under_way_.find(key);
    if (other == under_way_.end()) break;
    const auto signal = other->second;
    if (const auto woken = co_await signal->wait(); !woken) co_return std::unexpected(woken.error());
  }
  const auto signal = std::make_shared<io::Signal>(pool->ring());
  under_way_.emplace(key, signal);
  auto made = co_await io::offload(*pool, [settings] { return tls::Outside::build(*settings); });
  if (made_.size() >= kMax) made_.clear();
  const auto out = made ? std::move(*made) : nullptr;
  if (out != nullptr) made_.emplace(key, out);
  under_way_.erase(key);
  signal->notify();
  co_return out;
}

io::Task<Result<std::unique_ptr<io::Stream>>> secure_outside(Connection& connection,
                                                             std::unique_ptr<io::Stream> transport,
                                                             policy::Permit permit) {
  Context& context = connection.context();
  const auto& image = connection.table().image();
  connection.record().transport(Transport::app_tls);
  const auto& wanted = *permit.external_tls();
  std::string key = wanted.digest + static_cast<char>(permit.protocol());
  if (wanted.check_chain && wanted.authorities.empty()) key += image.system_authorities_digest;
  auto outside = context.outside.known(key);
  if (outside == nullptr) {
    const auto settings = settings_of(wanted, image.system_authorities, permit.protocol());
    auto made = co_await context.outside.get(&context.handshakes.pool(), key, &settings);
    if (!made) co_return std::unexpected(made.error());
    if (*made == nullptr)
      co_return fail(Reason::tls_untrusted, Origin::internal, "settings of TLS to the outside");
    outside = std::move(*made);
  }
  tls::OutsideTarget target{wanted.server_name, permit.address().ip.text()};
  const bool has_name = !IpAddr::parse(permit.external_name());
  if (target.server_name.empty() && has_name) target.server_name = permit.external_name();
  const Nanos limit = permit.connect_timeout() > Nanos::zero() ? permit.connect_timeout() : kHandshakeMax;
  co_return co_await tls::connect_outside(context.handshakes.pool(), std::move(transport), std::move(outside),
                                          std::move(target), limit);
}

}  // namespace sluice::relay
