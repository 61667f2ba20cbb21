#include "policy/table/image_codec.h"

#include "policy/table/codec_visit.h"
#include "policy/table/http_fields.h"

// One function per struct lists its members in wire order.
namespace sluice::policy {
namespace {

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

constexpr auto kAddress = [](auto& visit, auto& value) { visit.address(value); };
constexpr auto kEndpoint = [](auto& visit, auto& value) { endpoint(visit, value); };

constexpr auto kRule = [](auto& visit, auto& value) {
  visit.text(value.policy);
  visit.text(value.file);
  visit.number(value.line);
};

constexpr auto kPermissionRule = [](auto& visit, auto& value) {
  visit.choice(value.action, PermissionAction::allow_shadow_deny);
  visit.list(value.conditions, 5, kMaxConditions, fields::kCondition);
  visit.number(value.rule);
};

constexpr auto kPermissions = [](auto& visit, auto& value) {
  visit.choice(value.order, Permissions::Order::strongest_first);
  visit.list(value.rules, 9, kMaxPermissionRules, kPermissionRule);
};

constexpr auto kInbound = [](auto& visit, auto& value) {
  endpoint(visit, value.address);
  endpoint(visit, value.service_address);
  visit.text(value.name);
  visit.choice(value.protocol, Protocol::kafka);
  visit.choice(value.tls_mode, TlsMode::strict);
  visit.flag(value.ready);
  visit.number(value.permissions);
  visit.list(value.identities, 4, kMaxListPerWorkload, fields::kText);
  timeout(visit, value.connect_timeout);
  timeout(visit, value.idle_timeout);
  visit.list(value.tags, 8, kMaxListPerWorkload, fields::kHeaderField);
  visit.number(value.http);
  visit.number(value.cluster);
  visit.number(value.connection_rate.num);
  visit.duration(value.connection_rate.interval);
  visit.number(value.connection_rate.rule);
};

constexpr auto kMatch = [](auto& visit, auto& value) {
  visit.address(value.prefix.base);
  visit.number(value.prefix.length);
  visit.number(value.first_port);
  visit.number(value.last_port);
  visit.number(value.rule);
};

constexpr auto kWorkload = [](auto& visit, auto& value) {
  visit.number(value.id);
  visit.text(value.name);
  visit.number(value.mesh);
  visit.text(value.zone);
  visit.flag(value.local);
  visit.flag(value.mtls);
  visit.flag(value.encrypt_same_node);
  visit.choice(value.undeclared, TlsMode::strict);
  visit.list(value.addresses, 16, kMaxListPerWorkload, kAddress);
  visit.list(value.identities, 4, kMaxListPerWorkload, fields::kText);
  visit.list(value.inbounds, 103, kMaxListPerWorkload, kInbound);
  visit.choice(value.passthrough, PassthroughMode::none);
  visit.number(value.passthrough_rule);
  visit.list(value.passthrough_matches, 25, kMaxListPerWorkload, kMatch);
  timeout(visit, value.passthrough_connect_timeout);
  timeout(visit, value.passthrough_idle_timeout);
  visit.number(value.max_connections);
};

constexpr auto kService = [](auto& visit, auto& value) {
  visit.text(value.name);
  visit.number(value.mesh);
  visit.choice(value.protocol, Protocol::kafka);
  visit.list(value.backends, 8, kMaxBackends, [](auto& v, auto& backend) {
    v.number(backend.workload);
    v.number(backend.inbound);
  });
  visit.list(value.vips, 18, kMaxListPerWorkload, kEndpoint);
};

constexpr auto kOutbound = [](auto& visit, auto& value) {
  visit.number(value.workload);
  visit.number(value.service);
  visit.list(value.addresses, 18, kMaxListPerWorkload, kEndpoint);
  timeout(visit, value.connect_timeout);
  timeout(visit, value.idle_timeout);
  visit.number(value.http);
  visit.number(value.cluster);
  visit.list(value.split, 8, kMaxListPerRoute, fields::kWeightedBackend);
  visit.number(value.split_rule);
};

constexpr auto kImage = [](auto& visit, auto& value) {
  visit.list(value.rules, 12, kMaxRules, kRule);
  visit.list(value.meshes, 4, kMaxMeshes, fields::kText);
  visit.list(value.permissions, 5, kMaxPermissionSets, kPermissions);
  visit.list(value.workloads, 70, kMaxWorkloads, kWorkload);
  visit.list(value.services, 17, kMaxServices, kService);
  visit.list(value.outbounds, 52, kMaxOutbounds, kOutbound);
  visit.list(value.http_outbounds, 8, kMaxOutbounds, fields::kHttpOutbound);
  visit.list(value.clusters, 128, kMaxOutbounds, fields::kCluster);
  visit.list(value.http_inbounds, 16, kMaxOutbounds, fields::kHttpInbound);
};

}  // namespace

void write(ByteWriter& out, const TableImage& image) {
  Writer writer{out};
  kImage(writer, image);
}

void write(ByteWriter& out, const HttpOutboundImage& image) {
  Writer writer{out};
  fields::kHttpOutbound(writer, image);
}

void write(ByteWriter& out, const ClusterImage& image) {
  Writer writer{out};
  fields::kCluster(writer, image);
}

void write(ByteWriter& out, const HttpInboundImage& image) {
  Writer writer{out};
  fields::kHttpInbound(writer, image);
}

void read(ByteReader& in, TableImage& image) {
  Reader reader{in};
  kImage(reader, image);
}

}  // namespace sluice::policy
