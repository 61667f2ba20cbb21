// The members of the image's structs in wire order, for codec_visit.h; those of its HTTP part are in
// http_fields.h.
#pragma once

#include "policy/table/http_fields.h"

namespace sluice::policy::fields {

template <typename V, typename T>
void endpoint(V& visit, T& value) {
  visit.address(value.ip);
  visit.number(value.port);
}

template <typename V, typename T>
void timeout(V& visit, T& value) {
  visit.duration(value.value);
  visit.number(value.rule);
}

inline constexpr auto kAddress = [](auto& visit, auto& value) { visit.address(value); };
inline constexpr auto kEndpoint = [](auto& visit, auto& value) { endpoint(visit, value); };

inline constexpr auto kRule = [](auto& visit, auto& value) {
  visit.text(value.policy);
  visit.text(value.file);
  visit.number(value.line);
};

inline constexpr auto kPermissionRule = [](auto& visit, auto& value) {
  visit.choice(value.action, PermissionAction::allow_shadow_deny);
  visit.list(value.conditions, 5, kMaxConditions, kCondition);
  visit.number(value.rule);
};

inline constexpr auto kPermissions = [](auto& visit, auto& value) {
  visit.choice(value.order, Permissions::Order::strongest_first);
  visit.list(value.rules, 9, kMaxPermissionRules, kPermissionRule);
};

inline constexpr auto kInbound = [](auto& visit, auto& value) {
  endpoint(visit, value.address);
  endpoint(visit, value.service_address);
  visit.text(value.name);
  visit.choice(value.protocol, Protocol::kafka);
  visit.choice(value.tls_mode, TlsMode::strict);
  visit.flag(value.ready);
  visit.number(value.permissions);
  visit.list(value.identities, 4, kMaxListPerWorkload, kText);
  timeout(visit, value.connect_timeout);
  timeout(visit, value.idle_timeout);
  visit.list(value.tags, 8, kMaxListPerWorkload, kHeaderField);
  visit.number(value.http);
  visit.number(value.cluster);
  visit.number(value.connection_rate.num);
  visit.duration(value.connection_rate.interval);
  visit.number(value.connection_rate.rule);
};

inline constexpr auto kMatch = [](auto& visit, auto& value) {
  visit.address(value.prefix.base);
  visit.number(value.prefix.length);
  visit.number(value.first_port);
  visit.number(value.last_port);
  visit.number(value.rule);
};

inline constexpr auto kExternalTls = [](auto& visit, auto& value) {
  visit.flag(value.check_chain);
  visit.flag(value.check_names);
  visit.text(value.server_name);
  visit.list(value.names, 5, kMaxConditions, [](auto& v, auto& name) {
    v.flag(name.prefix);
    v.text(name.value);
  });
  visit.text(value.authorities, kMaxPem);
  visit.text(value.chain, kMaxPem);
  visit.text(value.key, kMaxPem);
  visit.choice(value.min, ExternalTls::Version::tls13);
  visit.choice(value.max, ExternalTls::Version::tls13);
  visit.text(value.trust);
  visit.text(value.digest);
};

inline constexpr auto kWorkload = [](auto& visit, auto& value) {
  visit.number(value.id);
  visit.text(value.name);
  visit.number(value.mesh);
  visit.text(value.zone);
  visit.flag(value.local);
  visit.flag(value.mtls);
  visit.flag(value.encrypt_same_node);
  visit.flag(value.external);
  visit.list(value.tls, 32, 1, kExternalTls);
  visit.choice(value.undeclared, TlsMode::strict);
  visit.list(value.addresses, 16, kMaxListPerWorkload, kAddress);
  visit.list(value.identities, 4, kMaxListPerWorkload, kText);
  visit.list(value.inbounds, 103, kMaxListPerWorkload, kInbound);
  visit.choice(value.passthrough, PassthroughMode::none);
  visit.number(value.passthrough_rule);
  visit.list(value.passthrough_matches, 25, kMaxListPerWorkload, kMatch);
  timeout(visit, value.passthrough_connect_timeout);
  timeout(visit, value.passthrough_idle_timeout);
  visit.number(value.max_connections);
};

inline constexpr auto kService = [](auto& visit, auto& value) {
  visit.text(value.name);
  visit.number(value.mesh);
  visit.choice(value.protocol, Protocol::kafka);
  visit.list(value.backends, 8, kMaxBackends, [](auto& v, auto& backend) {
    v.number(backend.workload);
    v.number(backend.inbound);
  });
  visit.list(value.vips, 18, kMaxListPerWorkload, kEndpoint);
};

inline constexpr auto kOutbound = [](auto& visit, auto& value) {
  visit.number(value.workload);
  visit.number(value.service);
  visit.list(value.addresses, 18, kMaxListPerWorkload, kEndpoint);
  timeout(visit, value.connect_timeout);
  timeout(visit, value.idle_timeout);
  visit.number(value.http);
  visit.number(value.cluster);
  visit.list(value.split, 8, kMaxListPerRoute, kWeightedBackend);
  visit.number(value.split_rule);
};

}  // namespace sluice::policy::fields
