// Whom the policies on requests mean: targetRef at the top and in `to` and `from`, for each kind that has it.
// web calls far, or somebody calls api; a policy that means them shows in what is seen of a few requests.
#include <chrono>
#include <utility>

#include "policy/kinds/check.h"
#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

io::Task<void> note_status(HttpLab* lab, Way way, std::string path, std::string* out) {
  Client client(*lab, way);
  *out += std::to_string((co_await client.ask(std::move(path))).status) + " ";
}

// Checked endpoints, a failing answer, a slow one, two at once.
io::Task<void> look_at(HttpLab* lab, Way way, std::string* out) {
  (void)co_await lab->ring().sleep_for(3s);
  *out += lab->value(Metric::health_probes) > 0 ? "probed " : "unprobed ";
  lab->application().next.push_back({503});
  Client client(*lab, way);
  const auto answer = co_await client.ask("/echo");
  *out += std::to_string(answer.status) + " ";
  if (!answer.field("set-cookie").empty()) *out += "cookie ";
  *out += answer.field("x-route");
  co_await note_status(lab, way, "/wait/2000", out);
  io::Scope both;
  for (int i = 0; i < 2; ++i) both.spawn(note_status(lab, way, "/wait/100", out));
  co_await both.join();
}

std::string seen(const std::string& documents, Way way, const LabOptions& options = {}) {
  HttpLab lab(documents, options);
  std::string out;
  lab.play(look_at(&lab, way, &out));
  return out;
}

struct Part {
  const char* kind;
  const char* list;  // to, rules or from
  const char* item;  // what it says
};

constexpr const char* kTimeout = "default: {http: {requestTimeout: 1s}}";
constexpr const char* kBreaker = "default: {connectionLimits: {maxRequests: 1}}";
constexpr const char* kRate = "default: {local: {http: {requestRate: {num: 1, interval: 1h}}}}";
constexpr const char* kFault = "default: {http: [{abort: {httpStatus: 418, percentage: 100}}]}";
constexpr Part kParts[] = {
    {"MeshTimeout", "to", kTimeout},
    {"MeshTimeout", "rules", kTimeout},
    {"MeshTimeout", "from", kTimeout},
    {"MeshRetry", "to", "default: {http: {numRetries: 1, retryOn: [5xx]}}"},
    {"MeshCircuitBreaker", "to", kBreaker},
    {"MeshCircuitBreaker", "rules", kBreaker},
    {"MeshCircuitBreaker", "from", kBreaker},
    {"MeshRateLimit", "rules", kRate},
    {"MeshRateLimit", "from", kRate},
    {"MeshHealthCheck", "to", "default: {interval: 1s, noTrafficInterval: 1s, http: {path: /bytes/1}}"},
    {"MeshFaultInjection", "rules", kFault},
    {"MeshFaultInjection", "from", kFault},
    {"MeshLoadBalancingStrategy", "to",
     "default: {loadBalancer: {type: RingHash}, hashPolicies: [{type: Cookie, cookie: {name: a, ttl: 1m}}]}"},
    {"MeshHTTPRoute", "to",
     "rules: [{matches: [{path: {type: PathPrefix, value: /}}], default: {filters: [{type: "
     "ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-route, value: it}]}}]}}]"},
    {"MeshTCPRoute", "to", "rules: [{default: {backendRefs: [{kind: MeshService, name: nobody}]}}]"},
};

class Targets : public testing::TestWithParam<Part> {
 protected:
  static bool is(std::string_view kind) { return GetParam().kind == kind; }
  static bool outbound() { return std::string_view(GetParam().list) == "to"; }
  static bool route() { return is("MeshHTTPRoute") || is("MeshTCPRoute"); }
  static Way way() { return outbound() ? Way::outbound : Way::inbound; }
  static std::string self() { return outbound() ? "web" : "api"; }

  static std::string document(const std::string& top, const std::string& of) {
    const std::string ref = std::string_view(GetParam().list) == "rules" ? "" : "targetRef: " + of + ", ";
    return std::string("type: ") + GetParam().kind + "\nname: p\nmesh: default\nspec:\n  targetRef: " + top +
           "\n  " + GetParam().list + ": [{" + ref + GetParam().item + "}]\n---\n";
  }
  static std::string usual_item() { return outbound() ? "{kind: MeshService, name: far}" : "{kind: Mesh}"; }

  // Is what is seen another thing than without the policy?
  static bool acts(const std::string& top) { return acts(top, usual_item()); }
  static bool acts(const std::string& top, const std::string& of, const LabOptions& options = {},
                   const std::string& more = {}) {
    return seen(more + document(top, of), way(), options) != seen(more, way(), options);
  }
  static bool refused(const std::string& top, const std::string& of) {
    return policy::check_text(document(top, of), "targets.yaml").diagnostics.has_errors();
  }
};

INSTANTIATE_TEST_SUITE_P(Each, Targets, testing::ValuesIn(kParts), [](const auto& info) {
  return std::string(info.param.kind) + "_" + info.param.list;
});

TEST_P(Targets, KindAndNameSayWhichProxies) {
  EXPECT_TRUE(acts("{kind: Mesh, proxyTypes: [Sidecar]}"));
  EXPECT_TRUE(acts("{kind: MeshService, name: " + self() + "}"));
  EXPECT_FALSE(acts("{kind: MeshService, name: job}"));
  EXPECT_TRUE(acts("{kind: Dataplane, name: " + self() + "}"));
  EXPECT_FALSE(acts("{kind: Dataplane, name: job}"));
}

TEST_P(Targets, TagsLabelsAndNamespaceSayWhichProxies) {
  EXPECT_TRUE(acts("{kind: MeshSubset, tags: {kuma.io/service: " + self() + "}, proxyTypes: [Sidecar]}"));
  EXPECT_FALSE(acts("{kind: MeshSubset, tags: {kuma.io/service: job}, proxyTypes: [Sidecar]}"));
  EXPECT_TRUE(acts("{kind: Dataplane, labels: {app: " + self() + "}}"));
  EXPECT_FALSE(acts("{kind: Dataplane, labels: {app: job}}"));
  EXPECT_FALSE(acts("{kind: Dataplane, name: " + self() + ", namespace: elsewhere}"));
}

TEST_P(Targets, ProxyTypesSayWhichProxies) {
  const std::string gateways = "{kind: Mesh, proxyTypes: [Gateway]}";
  const std::string both = "{kind: Mesh, proxyTypes: [Sidecar, Gateway]}";
  // These two are of sidecars only.
  const bool from = std::string_view(GetParam().list) == "from";
  if (is("MeshRateLimit") || (is("MeshFaultInjection") && from)) {
    EXPECT_TRUE(refused(gateways, usual_item()));
    EXPECT_TRUE(refused(both, usual_item()));
    EXPECT_FALSE(refused("{kind: Mesh, proxyTypes: [Sidecar]}", usual_item()));
    return;
  }
  EXPECT_FALSE(acts(gateways));
  EXPECT_TRUE(acts(both));
}

TEST_P(Targets, SectionNameSaysWhichInbound) {
  const std::string section = "{kind: Dataplane, name: " + self() + ", sectionName: ";
  if (outbound()) {
    EXPECT_TRUE(refused(section + "'7'}", usual_item()));
    return;
  }
  EXPECT_TRUE(acts(section + "'80'}"));
  EXPECT_FALSE(acts(section + "'81'}"));
}

TEST_P(Targets, MeshIsRefused) {
  for (const std::string ref : {"kind: Mesh, ", "kind: MeshService, name: web, ", "kind: Dataplane, ",
                                "kind: MeshSubset, tags: {a: b}, "}) {
    EXPECT_TRUE(refused("{" + ref + "mesh: other}", usual_item())) << ref;
  }
  EXPECT_TRUE(refused("{kind: Dataplane}", "{kind: MeshService, name: far, mesh: other}") ||
              std::string_view(GetParam().list) == "rules");
}

class Destinations : public Targets {};

INSTANTIATE_TEST_SUITE_P(Each, Destinations, testing::ValuesIn([] {
                           std::vector<Part> out;
                           for (const Part& one : kParts)
                             if (std::string_view(one.list) == "to") out.push_back(one);
                           return out;
                         }()),
                         [](const auto& info) { return std::string(info.param.kind); });

constexpr const char* kTop = "{kind: MeshService, name: web}";

TEST_P(Destinations, KindAndNameSayWhich) {
  EXPECT_TRUE(acts(kTop, "{kind: MeshService, name: far}"));
  EXPECT_FALSE(acts(kTop, "{kind: MeshService, name: db}"));
  EXPECT_FALSE(acts(kTop, "{kind: MeshMultiZoneService, name: far}"));
  if (route()) {
    EXPECT_TRUE(refused(kTop, "{kind: Mesh}"));
  } else {
    EXPECT_TRUE(acts(kTop, "{kind: Mesh}"));
  }
}

// web's outbound leads to a MeshService.
TEST_P(Destinations, LabelsNamespaceAndSectionNameSayWhich) {
  const LabOptions options{.far = "backendRef: {kind: MeshService, name: all, port: 8000}"};
  const std::string service = R"(
type: MeshService
name: all
mesh: default
labels: {team: one}
spec:
  selector: {dataplaneTags: {kuma.io/service: far}}
  ports: [{name: main, port: 8000, targetPort: 80, appProtocol: http}]
---
)";
  const auto concerns = [&](const std::string& ref) {
    return acts(kTop, "{kind: MeshService, " + ref + "}", options, service);
  };
  EXPECT_TRUE(concerns("labels: {team: one}"));
  EXPECT_FALSE(concerns("labels: {team: two}"));
  EXPECT_TRUE(concerns("name: all"));
  EXPECT_FALSE(concerns("name: all, namespace: elsewhere"));
  EXPECT_TRUE(concerns("name: all, sectionName: main"));
  EXPECT_FALSE(concerns("name: all, sectionName: other"));
}

TEST_P(Destinations, TagsAndProxyTypesAreRefused) {
  EXPECT_TRUE(refused(kTop, "{kind: MeshService, name: far, tags: {version: v1}}"));
  EXPECT_TRUE(refused(kTop, "{kind: MeshService, name: far, proxyTypes: [Sidecar]}"));
  EXPECT_TRUE(refused(kTop, "{kind: Mesh, tags: {version: v1}}"));
}

// Clients that a rule means; web's identity is spiffe://default/web, and it names no server in its hello.
class Matches : public Targets {
 protected:
  static std::string rules(const std::string& match) {
    return at_api(GetParam().kind,
                  std::string("    - matches: [{") + match + "}]\n      " + GetParam().item + "\n");
  }
  static bool mean_web(const std::string& match) {
    const LabOptions options{.mtls = true};
    return seen(rules(match), Way::same_node, options) != seen("", Way::same_node, options);
  }
  static bool refused_match(const std::string& match) {
    return policy::check_text(rules(match), "targets.yaml").diagnostics.has_errors();
  }
};

INSTANTIATE_TEST_SUITE_P(Each, Matches, testing::Values(kParts[1], kParts[7], kParts[10]),
                         [](const auto& info) { return std::string(info.param.kind); });

TEST_P(Matches, SpiffeIdSaysWhichClients) {
  EXPECT_TRUE(mean_web("spiffeID: {type: Exact, value: spiffe://default/web}"));
  EXPECT_FALSE(mean_web("spiffeID: {type: Exact, value: spiffe://default/job}"));
  EXPECT_FALSE(mean_web("spiffeID: {type: Exact, value: spiffe://default/we}"));
  EXPECT_TRUE(mean_web("spiffeID: {type: Prefix, value: spiffe://default/we}"));
  EXPECT_FALSE(mean_web("spiffeID: {type: Prefix, value: spiffe://default/job}"));
}

TEST_P(Matches, SniSaysWhichClients) {
  EXPECT_FALSE(mean_web("sni: {type: Exact, value: shop.test}"));
  EXPECT_FALSE(
      mean_web("spiffeID: {type: Exact, value: spiffe://default/web}, sni: {type: Exact, value: shop.test}"));
  EXPECT_TRUE(refused_match("sni: {type: Prefix, value: shop.test}"));
}

class FromClients : public Targets {};

INSTANTIATE_TEST_SUITE_P(Each, FromClients, testing::Values(kParts[2], kParts[6], kParts[8], kParts[11]),
                         [](const auto& info) { return std::string(info.param.kind); });

constexpr const char* kServer = "{kind: Dataplane, name: api}";

TEST_P(FromClients, OnlyTagsTellThemApart) {
  EXPECT_TRUE(acts(kServer, "{kind: Mesh}"));
  for (const std::string more : {"name: web", "tags: {role: front}", "labels: {app: web}", "namespace: here",
                                 "sectionName: main", "mesh: other", "proxyTypes: []"}) {
    EXPECT_TRUE(refused(kServer, "{kind: Mesh, " + more + "}")) << more;
  }
  EXPECT_TRUE(refused(kServer, "{kind: Dataplane, name: web}"));
  for (const std::string ref : {"{kind: MeshService, name: web}", "{kind: MeshSubset, tags: {role: front}}",
                                "{kind: MeshServiceSubset, name: web, tags: {role: front}}"}) {
    EXPECT_EQ(refused(kServer, ref), !is("MeshFaultInjection")) << ref;
  }
}

TEST(FaultsFrom, ClientsAreToldApart) {
  const auto faulty = [](const std::string& ref) {
    const LabOptions options{.mtls = true};
    const std::string document =
        std::string("type: MeshFaultInjection\nname: p\nmesh: default\nspec:\n  targetRef: ") + kServer +
        "\n  from: [{targetRef: " + ref + ", " + kFault + "}]\n---\n";
    return seen(document, Way::same_node, options) != seen("", Way::same_node, options);
  };
  EXPECT_TRUE(faulty("{kind: MeshService, name: web}"));
  EXPECT_FALSE(faulty("{kind: MeshService, name: job}"));
  EXPECT_FALSE(faulty("{kind: MeshSubset, tags: {role: back}}"));
  EXPECT_TRUE(faulty("{kind: MeshServiceSubset, name: web, tags: {role: front}}"));
  EXPECT_FALSE(faulty("{kind: MeshServiceSubset, name: web, tags: {role: back}}"));
  EXPECT_FALSE(faulty("{kind: MeshServiceSubset, name: job, tags: {role: front}}"));
}

}  // namespace
}  // namespace sluice::lab
