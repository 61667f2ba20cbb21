// Dataplane: gateways, tags, probes and reachable backends, by Kuma's paths.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

using Wanted = std::set<std::string>;

// "path: message" of what is refused.
Wanted errors(const std::string& networking, const std::string& rest = "",
              Dialect dialect = Dialect::kuma_2) {
  const auto checked = check_text(
      "type: Dataplane\nname: d\nmesh: default\nnetworking: {address: 10.0.0.1" + networking + "}\n" + rest,
      "t.yaml", {.strict = false, .dialect = dialect, .limits = {}});
  Wanted out;
  for (const auto& one : checked.diagnostics.list())
    if (one.severity == Severity::error) out.insert(one.path + ": " + one.message);
  return out;
}

Wanted of_inbound(const std::string& fields) {
  return errors(", inbound: [{port: 80, tags: {kuma.io/service: web}" + fields + "}]");
}

TEST(DataplaneKind, ServiceAddresses) {
  const Wanted same{
      "networking.inbound[0].serviceAddress: serviceAddress and servicePort has to differ from address and "
      "port"};
  EXPECT_EQ(of_inbound(", serviceAddress: 10.0.0.1"), same);
  EXPECT_EQ(of_inbound(", address: 10.0.0.2, serviceAddress: 10.0.0.1"), same);
  EXPECT_EQ(of_inbound(", address: 10.0.0.2, serviceAddress: 10.0.0.2, servicePort: 80"), same);
  EXPECT_EQ(of_inbound(", serviceAddress: 10.0.0.1, servicePort: 81"), Wanted{});
  EXPECT_EQ(of_inbound(", servicePort: 0"), Wanted{});
}

TEST(DataplaneKind, TagsOfInbounds) {
  const auto of_tags = [](const std::string& tags) {
    return errors(", inbound: [{port: 80, tags: {" + tags + "}}]");
  };
  const std::string at = "networking.inbound[0].tags";
  EXPECT_EQ(of_tags("kuma.io/service: web, kuma.io/protocol: HTTP2"), Wanted{});
  EXPECT_EQ(of_tags("kuma.io/service: web, kuma.io/protocol: smtp"),
            Wanted{at + R"(["kuma.io/protocol"]: tag "kuma.io/protocol" has an invalid value "smtp". )"
                        "Allowed values: grpc, http, http2, kafka, tcp"});
  EXPECT_EQ(of_tags("version: v1"), Wanted{at + R"(["kuma.io/service"]: tag has to exist)"});
  EXPECT_EQ(of_tags("kuma.io/service: ''"),
            Wanted{at + R"(["kuma.io/service"]: tag value must be non-empty)"});
}

TEST(DataplaneKind, Gateways) {
  const std::string tags = "networking.gateway.tags";
  EXPECT_EQ(
      errors(", gateway: {type: BUILTIN, tags: {kuma.io/service: g}}, outbound: [{port: 1, service: a}]"),
      Wanted{"networking.outbound: outbound cannot be defined for builtin gateways"});
  EXPECT_EQ(
      errors(", gateway: {tags: {kuma.io/service: g, kuma.io/protocol: http}}"),
      Wanted{tags + R"(["kuma.io/protocol"]: other values than tcp are not allowed, provided value "http")"});
  EXPECT_EQ(errors(", gateway: {tags: {kuma.io/service: ''}}"),
            Wanted{tags + R"(["kuma.io/service"]: tag value must be non-empty)"});
  EXPECT_EQ(errors(", gateway: {}"), Wanted{tags + R"(: mandatory tag "kuma.io/service" is missing)"});
}

TEST(DataplaneKind, Outbounds) {
  const auto of_outbound = [](const std::string& fields) {
    return errors(", outbound: [{port: 1, " + fields + "}]");
  };
  const std::string at = "networking.outbound[0].";
  EXPECT_EQ(of_outbound("tags: {version: v1}"),
            Wanted{at + R"(tags: mandatory tag "kuma.io/service" is missing)"});
  EXPECT_EQ(of_outbound("tags: {kuma.io/service: a, kuma.io/protocol: smtp}"), Wanted{});
  EXPECT_EQ(of_outbound("backendRef: {kind: MeshService, port: 80}"),
            Wanted{at + "backendRef: either 'name' or 'labels' should be specified"});
  EXPECT_EQ(of_outbound("backendRef: {kind: Mesh, name: a, port: 80}"),
            Wanted{at + "backendRef.kind: invalid value. Available values are: "
                        "MeshExternalService,MeshMultiZoneService,MeshService"});
}

TEST(DataplaneKind, Probes) {
  const std::string at = "networking.inbound[0].serviceProbe.";
  EXPECT_EQ(of_inbound(", serviceProbe: {interval: 10s, timeout: 2s, healthyThreshold: 1, tcp: {}}"),
            Wanted{});
  EXPECT_EQ(of_inbound(", serviceProbe: {interval: 0s, timeout: -1s, unhealthyThreshold: 0}"),
            (Wanted{at + "interval: must be greater than zero when defined",
                    at + "timeout: must be greater than zero when defined",
                    at + "unhealthyThreshold: must have a positive value"}));
  EXPECT_EQ(
      errors("", "probes: {port: 9000, endpoints: [{inboundPort: 80, inboundPath: /a, path: /80/a}]}\n"),
      Wanted{});
  EXPECT_EQ(errors("", "probes: {endpoints: [{inboundPort: 70000, inboundPath: a}]}\n"),
            (Wanted{"probes.port: port must be in the range [1, 65535]",
                    "probes.endpoints[0].inboundPort: port must be in the range [1, 65535]",
                    "probes.endpoints[0].inboundPath: should be a valid URL Path",
                    "probes.endpoints[0].path: should be a valid URL Path"}));
  EXPECT_EQ(errors("", "probes: {port: 0}\n", Dialect::kuma_3), Wanted{});
}

TEST(DataplaneKind, ReachableBackends) {
  const auto of_ref = [](const std::string& ref) {
    return errors(", transparentProxying: {reachableBackends: {refs: [" + ref + "]}}");
  };
  const std::string at = "networking.transparentProxing.reachableBackends.refs[0].";
  EXPECT_EQ(of_ref("{kind: MeshService, name: a, namespace: b, port: 80}"), Wanted{});
  EXPECT_EQ(of_ref("{kind: MeshService, labels: {a: b}}"), Wanted{});
  EXPECT_EQ(of_ref("{kind: MeshService, name: a_b}"),
            Wanted{at + "name: invalid characters. A lowercase RFC 1123 subdomain must consist of lower case "
                        "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric "
                        "character"});
  EXPECT_EQ(of_ref("{kind: MeshGateway}"),
            (Wanted{at + "kind: invalid value. Available values are: "
                         "MeshExternalService,MeshMultiZoneService,MeshService",
                    at + "name: name or labels are required"}));
  EXPECT_EQ(of_ref("{kind: MeshService, namespace: b}"),
            Wanted{at + "name: name is required, when namespace is defined"});
  EXPECT_EQ(of_ref("{kind: MeshService, name: a, labels: {a: b}}"),
            Wanted{at + "labels: labels cannot be defined when name is specified"});
}

TEST(DataplaneKind, EncryptionOnTheSameNodeNeedsANamespace) {
  const auto of_attach = [](const std::string& attach) {
    return errors(", inbound: [{port: 80, tags: {kuma.io/service: web}}]",
                  "sluice: {node: n, encryptSameNode: true, attach: {" + attach + "}}\n");
  };
  EXPECT_EQ(of_attach("netns: /run/netns/a"), Wanted{});
  const Wanted refused{"sluice.encryptSameNode: needs a network namespace of the workload's own"};
  EXPECT_EQ(of_attach("cgroup: /web"), refused);
  EXPECT_EQ(of_attach("unit: web.service"), refused);
}

TEST(DataplaneKind, WhatItIsAttachedToSteersNoTerminal) {
  const auto of = [](const std::string& node, const std::string& attach) {
    return errors(", inbound: [{port: 80, tags: {kuma.io/service: web}}]",
                  "sluice: {node: \"" + node + "\", attach: {" + attach + "}}\n");
  };
  EXPECT_EQ(of("n\\u00f6rd", "cgroup: \"/w\\u00e9b\""), Wanted{});
  EXPECT_EQ(of("n\\e[31m", "cgroup: /web"),
            Wanted{"sluice.node: cannot hold a control character (U+001B, byte 2)"});
  EXPECT_EQ(of("n", "netns: \"/run/netns/\\u202ea\""),
            Wanted{"sluice.attach.netns: cannot hold a control character (U+202E, byte 12)"});
  EXPECT_EQ(of("n", "unit: \"a\\tb.service\""),
            Wanted{"sluice.attach.unit: cannot hold a control character (U+0009, byte 2)"});
}

TEST(DataplaneKind, MetricsOfAProxy) {
  EXPECT_EQ(errors("", "metrics: {type: statsd}\n"),
            Wanted{"metrics.type: unknown backend type. Available backends: \"prometheus\""});
  EXPECT_EQ(errors("", "metrics: {type: prometheus, conf: {aggregate: [{name: a}, {name: a}]}}\n"),
            Wanted{"metrics.conf.aggregate[1].name: duplicate entry: a, values have to be unique"});
}

}  // namespace
}  // namespace sluice::policy
