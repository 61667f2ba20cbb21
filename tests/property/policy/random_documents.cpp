#include "random_documents.h"

#include <array>

namespace sluice::policy::property {
namespace {

constexpr std::array kServices{"web", "api", "db", "cache"};
constexpr std::array kVersions{"v1", "v2"};
constexpr std::array kZones{"east", "west"};
constexpr std::array kOutside{"far", "away"};
constexpr std::array kMeshes{"default", "default", "default", "other"};

class Writer {
 public:
  explicit Writer(std::mt19937& random) : random_(random) {}

  RandomDocument document() {
    mesh_ = pick(kMeshes);
    const auto kind = below(29);
    if (kind == 0) return chance(30) ? mesh() : permission();
    if (kind < 5) return dataplane();
    if (kind == 28) return external_service();
    if (kind == 5 || kind >= 25) return mesh_service();
    if (kind < 8) return permission();
    if (kind < 11) return timeout();
    if (kind == 11) return http_route();
    if (kind == 12) return tcp_route();
    if (kind == 13) return multi_zone_service();
    return small_policy(kind - 14);
  }

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
  bool chance(int percent) { return below(100) < percent; }
  std::string number(int limit) { return std::to_string(below(limit) + 1); }
  template <std::size_t N>
  std::string pick(const std::array<const char*, N>& values) {
    return values[random_() % N];
  }

  RandomDocument named(const std::string& kind, const std::string& name, const std::string& rest) {
    return {kind + "/" + mesh_ + "/" + name,
            "type: " + kind + "\nname: " + name + "\nmesh: " + mesh_ + "\n" + rest};
  }
  // Blank lines move the marks, which are part of what a rule is named by.
  RandomDocument policy(const std::string& kind, const std::string& top, const std::string& rest) {
    return named(
        kind, std::string(1, static_cast<char>('a' + below(4))),
        std::string(static_cast<std::size_t>(below(3)), '\n') + "spec:\n  targetRef: " + top + "\n" + rest);
  }

  RandomDocument mesh() {
    std::string text = "type: Mesh\nname: " + mesh_ + "\n";
    if (chance(70)) text += "mtls: {enabledBackend: ca, backends: [{name: ca, type: builtin}]}\n";
    if (chance(50)) text += "networking: {outbound: {passthrough: false}}\n";
    return {"Mesh//" + mesh_, text};
  }

  std::string tags(const std::string& service) {
    std::string out = "{kuma.io/service: " + service + ", version: " + pick(kVersions);
    if (chance(70)) out += ", kuma.io/protocol: http";
    if (chance(30)) out += ", kuma.io/zone: " + pick(kZones);
    return out + "}";
  }

  RandomDocument dataplane() {
    const auto number = std::to_string(below(8));
    const auto service = pick(kServices);
    std::string text = "labels: {app: " + pick(kVersions) + "}\n";
    if (chance(50))
      text += "sluice: {node: " + std::string(chance(80) ? "n" : "m") + ", attach: {cgroup: /x}}\n";
    text += "networking:\n  address: " + (chance(4) ? "host.example" : "10.0.0." + number) + "\n  inbound:\n";
    for (int port = below(2) + 1; port > 0; --port)
      text += "    - {port: 800" + std::to_string(port) + (chance(15) ? ", state: NotReady" : "") +
              ", tags: " + tags(service) + "}\n";
    if (chance(60))
      text += "  outbound:\n    - {port: 9001, tags: {kuma.io/service: " + pick(kServices) + "}}\n";
    if (text.ends_with("}}\n") && chance(40))
      text += "    - {port: 9002, tags: {kuma.io/service: " + pick(kServices) +
              ", version: " + pick(kVersions) + "}}\n";
    return named("Dataplane", "dp" + number, text);
  }

  std::string selector(const std::string& service) {
    switch (below(6)) {
      case 0:
        return "{dataplaneLabels: {matchLabels: {app: " + pick(kVersions) + "}}}";
      case 1:
        return "{dataplaneRef: {name: dp" + std::to_string(below(8)) + "}}";
      case 2:
        return "{dataplaneTags: {kuma.io/service: " + service + ", version: " + pick(kVersions) + "}}";
      case 3:
        return "{dataplaneTags: {kuma.io/service: \"*\", version: " + pick(kVersions) + "}}";
      default:
        return "{dataplaneTags: {kuma.io/service: " + service + "}}";
    }
  }

  RandomDocument mesh_service() {
    const auto service = pick(kServices);
    const auto name = "ms-" + service + (chance(30) ? "-" + pick(kVersions) : "");
    const std::string more = chance(30) ? ", {port: 81, name: other, targetPort: 8002}" : "";
    const std::string vip =
        chance(50) ? "status: {vips: [{ip: 241.0.0." + std::to_string(1 + below(9)) + "}]}\n" : "";
    return named("MeshService", name,
                 "labels: {app: " + pick(kVersions) + "}\nspec:\n  selector: " + selector(service) +
                     "\n  ports: [{port: 80, targetPort: 8001, appProtocol: " +
                     std::string(chance(50) ? "http" : "tcp") + "}" + more + "]\n" + vip);
  }

  RandomDocument multi_zone_service() {
    return named("MeshMultiZoneService", "mz-" + pick(kVersions),
                 "spec:\n  selector: {meshService: {matchLabels: {app: " + pick(kVersions) +
                     "}}}\n  ports: [{port: 80, appProtocol: http}]\n");
  }

  RandomDocument external_service() {
    std::string text = "spec:\n  match: {type: HostnameGenerator, port: 80, protocol: " +
                       std::string(chance(50) ? "http" : "tcp") + "}\n  endpoints:\n";
    for (int i = below(3) + 1; i > 0; --i)
      text += "    - {address: " + (chance(30) ? "192.0.2." + number(9) : pick(kOutside) + ".example") +
              ", port: 8443" + (chance(30) ? ", priority: " + number(2) : "") + "}\n";
    return named("MeshExternalService", "es-" + pick(kVersions),
                 text + "status: {vip: {ip: 242.0.0." + number(9) + "}}\n");
  }

  std::string top() {
    switch (below(5)) {
      case 0:
        return "{kind: MeshSubset, tags: {version: " + pick(kVersions) + "}}";
      case 1:
        return "{kind: MeshService, name: " + pick(kServices) + "}";
      case 2:
        return "{kind: Dataplane, labels: {app: " + pick(kVersions) + "}}";
      default:
        return "{kind: Mesh}";
    }
  }
  std::string sidecars() {
    return chance(50) ? "{kind: Mesh, proxyTypes: [Sidecar]}"
                      : "{kind: MeshSubset, proxyTypes: [Sidecar], tags: {version: " + pick(kVersions) + "}}";
  }
  std::string to() {
    return chance(50) ? "{kind: Mesh}" : "{kind: MeshService, name: " + pick(kServices) + "}";
  }

  RandomDocument permission() {
    if (chance(30))
      return policy("MeshTrafficPermission", chance(50) ? "{kind: Dataplane}" : "{kind: Mesh}",
                    "  rules: [{default: {allow: [{spiffeID: {type: Prefix, value: 'spiffe://default/" +
                        pick(kServices) + "'}}]}}]\n");
    return policy("MeshTrafficPermission", top(),
                  "  from: [{targetRef: " + top_of_client() +
                      ", default: {action: " + std::string(chance(70) ? "Allow" : "Deny") + "}}]\n");
  }
  std::string top_of_client() {
    return chance(50) ? "{kind: Mesh}"
                      : "{kind: MeshSubset, tags: {kuma.io/service: " + pick(kServices) + "}}";
  }

  RandomDocument timeout() {
    if (chance(20))
      return policy(
          "MeshTimeout",
          "{kind: MeshHTTPRoute, name: " + std::string(1, static_cast<char>('a' + below(4))) + "}",
          "  to: [{targetRef: {kind: Mesh}, default: {http: {requestTimeout: " + number(9) + "s}}}]\n");
    std::string rest = "  to: [{targetRef: " + to() + ", default: {connectionTimeout: " + number(9) +
                       "s, http: {requestTimeout: " + number(9) + "s}}}]\n";
    if (chance(40))
      rest += "  from: [{targetRef: {kind: Mesh}, default: {idleTimeout: " + number(9) + "m}}]\n";
    return policy("MeshTimeout", top(), rest);
  }

  RandomDocument http_route() {
    const std::string backend = chance(20)   ? "{kind: MeshExternalService, name: es-" + pick(kVersions) + "}"
                                : chance(40) ? "{kind: MeshServiceSubset, name: " + pick(kServices) +
                                                   ", tags: {version: " + pick(kVersions) + "}}"
                                             : "{kind: MeshService, name: " + pick(kServices) + "}";
    return policy("MeshHTTPRoute", top(),
                  "  to:\n    - targetRef: {kind: MeshService, name: " + pick(kServices) +
                      "}\n      rules:\n        - matches: [{path: {type: PathPrefix, value: /" +
                      pick(kVersions) + "}}]\n          default: {backendRefs: [" + backend + "]}\n");
  }

  RandomDocument tcp_route() {
    return policy("MeshTCPRoute", top(),
                  "  to:\n    - targetRef: {kind: MeshService, name: " + pick(kServices) +
                      "}\n      rules: [{default: {backendRefs: [{kind: MeshService, name: " +
                      pick(kServices) + ", weight: " + number(9) + "}]}}]\n");
  }

  RandomDocument small_policy(int which) {
    const auto item = [&](const char* list, const std::string& target, const std::string& conf) {
      return "  " + std::string(list) + ": [{targetRef: " + target + ", default: " + conf + "}]\n";
    };
    switch (which) {
      case 0:
        return policy("MeshRetry", top(),
                      item("to", to(),
                           chance(30) ? "{http: {numRetries: 3, hostSelection: [{predicate: "
                                        "OmitHostsWithTags, tags: {version: v1}}]}}"
                                      : "{http: {numRetries: " + number(9) + "}}"));
      case 1:
        return policy("MeshCircuitBreaker", top(),
                      item("to", to(), "{connectionLimits: {maxRequests: " + number(9) + "}}"));
      case 2:
        return policy(
            "MeshCircuitBreaker", top(),
            item("from", "{kind: Mesh}", "{connectionLimits: {maxConnections: " + number(9) + "}}"));
      case 3:
        return policy("MeshRateLimit", sidecars(),
                      item("from", "{kind: Mesh}",
                           "{local: {http: {requestRate: {num: " + number(9) + ", interval: 1s}}}}"));
      case 4:
        return policy("MeshFaultInjection", sidecars(),
                      item("from", top_of_client(),
                           "{http: [{abort: {httpStatus: 500, percentage: " + number(99) + "}}]}"));
      case 5:
        return policy("MeshHealthCheck", top(),
                      item("to", to(),
                           "{interval: " + number(9) +
                               "s, timeout: 1s, unhealthyThreshold: 3, "
                               "healthyThreshold: 1, tcp: {}}"));
      case 6:
        return policy("MeshLoadBalancingStrategy", top(),
                      item("to", to(),
                           "{localityAwareness: {localZone: {affinityTags: [{key: version, weight: " +
                               number(9) + "}]}}}"));
      case 7:
        return policy("MeshTLS", "{kind: Mesh}",
                      item("from", "{kind: Mesh}",
                           "{mode: " + std::string(chance(50) ? "Strict" : "Permissive") + "}"));
      case 8:
        return policy(
            "MeshPassthrough", chance(50) ? "{kind: Mesh}" : "{kind: Dataplane, labels: {app: v1}}",
            "  default: {passthroughMode: Matched, appendMatch: [{type: CIDR, value: 192.0.2.0/24, port: " +
                number(99) + "}]}\n");
      case 9:
        return lua();
      default:
        return policy(
            "MeshAccessLog", top(),
            item("to", "{kind: Mesh}", "{backends: [{type: File, file: {path: /tmp/" + number(9) + "}}]}"));
    }
  }

  RandomDocument lua() {
    return policy(
        "MeshProxyPatch", "{kind: Mesh}",
        "  default:\n    appendModifications:\n      - httpFilter:\n          operation: AddFirst\n"
        "          match: {origin: " +
            std::string(chance(50) ? "inbound" : "outbound") +
            "}\n          value: |\n            name: envoy.filters.http.lua\n            typed_config:\n"
            "              '@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua\n"
            "              default_source_code: {inline_string: \"f" +
            number(9) + "()\"}\n");
  }

  std::mt19937& random_;
  std::string mesh_;
};

}  // namespace

HostAddresses random_hosts(std::mt19937& random) {
  HostAddresses out;
  for (const auto* name : kOutside) {
    for (auto count = random() % 3; count > 0; --count)
      out[std::string(name) + ".example"].push_back(*IpAddr::parse("198.51.100." + std::to_string(count)));
  }
  return out;
}

RandomDocument random_document(std::mt19937& random) {
  return Writer(random).document();
}

}  // namespace sluice::policy::property
