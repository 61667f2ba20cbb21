// The HTTP part of a table on hand-made images: codec, references, route matching, rules by peer.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <variant>

#include "policy/table/codec.h"
#include "policy/table/route_index.h"
#include "policy/table/table.h"

namespace sluice::policy {
namespace {

SocketAddr at(const char* text) {
  return *SocketAddr::parse(text);
}

class Fields final : public HeaderFields {
 public:
  Fields() = default;
  explicit Fields(std::map<std::string, std::string, std::less<>> fields) : fields_(std::move(fields)) {}
  std::optional<std::string_view> find(std::string_view name) const override {
    const auto found = fields_.find(name);
    return found == fields_.end() ? std::nullopt : std::optional<std::string_view>(found->second);
  }

 private:
  std::map<std::string, std::string, std::less<>> fields_;
};

RouteImage route(PathMatch::Kind kind, std::string path) {
  RouteImage out;
  out.match.path = {kind, std::move(path)};
  return out;
}

HttpOutboundImage routes(std::vector<RouteImage> list) {
  HttpOutboundImage out;
  out.routes = std::move(list);
  out.routes.emplace_back();
  return out;
}

HttpOutboundImage rich_outbound() {
  auto first = route(PathMatch::Kind::regex, "/v[0-9]+/.*");
  first.match.method = "GET";
  first.match.headers = {{TextMatch::Kind::regex, "x-user", "a.*"}, {TextMatch::Kind::absent, "x-no", ""}};
  first.match.query = {{TextMatch::Kind::exact, "q", "1"}};
  first.request_headers = {{{"x-set", "1"}}, {{"x-add", "2"}}, {"x-gone"}};
  first.response_headers = {{{"x-answer", "1"}}, {}, {}};
  first.rewrite = {PathRewrite::Kind::prefix, "/new"};
  first.rewrite_host = "other.example";
  first.mirrors = {{0, 500'000}};
  first.backends = {{0, 90}, {kNone, 10}};
  first.timeouts = {Nanos(1), Nanos(2), Nanos(3), Nanos(4), Nanos(5), RuleIndex(1)};
  first.retry = 0;
  first.hash_policies = {{HashPolicy::Kind::cookie, "c", "/", Nanos(7), true}};
  first.rule = RuleIndex(1);
  auto second = route(PathMatch::Kind::exact, "/old");
  second.redirect = {301, "https", "new.example", 8443, {PathRewrite::Kind::full, "/there"}};
  auto out = routes({first, second});
  RetryImage retry;
  retry.retries = 3;
  retry.on = static_cast<std::uint32_t>(RetryOn::server_error);
  retry.statuses = {503};
  retry.methods = {"GET"};
  retry.response_headers = {{TextMatch::Kind::present, "x-retry", ""}};
  retry.request_headers = {{TextMatch::Kind::prefix, "x-may", "y"}};
  retry.reset_headers = {{"retry-after", false}};
  retry.omit_hosts_with_tags = {{"zone", "east"}};
  retry.rule = RuleIndex(1);
  out.retries = {retry};
  out.lua = {{"out", "x", false, 1, RuleIndex(1)}};
  return out;
}

ClusterImage rich_cluster() {
  ClusterImage out;
  out.balancing.balancer = Balancer::maglev;
  out.limits = {1, 2, 3, 4, 5};
  out.outlier.enabled = true;
  out.outlier.interval = Nanos(10);
  out.outlier.consecutive_5xx = 5;
  out.health.kind = HealthCheck::Kind::http;
  out.health.interval = Nanos(1);
  out.health.timeout = Nanos(1);
  out.health.expected_statuses = {200, 204};
  out.health.receive = {"pong"};
  out.places = {{1, 90, 2}};
  out.health_rule = RuleIndex(1);
  return out;
}

HttpInboundImage rich_inbound() {
  HttpInboundImage out;
  const Condition web{Condition::Kind::uri_exact, "spiffe://default/web"};
  out.timeouts = {{{web}, {Nanos(9), {}, {}, {}, {}, RuleIndex(1)}}, {{}, {Nanos(8), {}, {}, {}, {}, {}}}};
  out.rate_limits = {{{web}, {5, Nanos(1000), 429, {{{"x-limited", "yes"}}, {}, {}}, RuleIndex(1)}}};
  out.faults = {{{}, {503, kWhole / 2, Nanos(3), kWhole, 50, 1}, true, RuleIndex(1)}};
  out.lua = {{"log4shell", std::string(100'000, 'x'), true, 4096, RuleIndex(1)}};
  return out;
}

TableImage image() {
  TableImage out;
  out.rules.push_back({"MeshHTTPRoute/p", "p.yaml", 3});
  out.meshes = {"default", "other"};
  out.permissions.resize(1);
  WorkloadImage workload;
  workload.id = WorkloadId(7);
  workload.name = "web";
  workload.zone = "east";
  workload.local = true;
  workload.addresses = {*IpAddr::parse("10.0.0.1")};
  InboundImage inbound;
  inbound.address = at("10.0.0.1:80");
  inbound.name = "80";
  inbound.tags = {{"version", "v1"}};
  inbound.http = 0;
  inbound.cluster = 1;
  inbound.connection_rate = {10, Nanos(1'000'000), RuleIndex(1)};
  workload.inbounds.push_back(inbound);
  out.workloads.push_back(workload);
  ServiceImage service;
  service.name = "web";
  service.protocol = Protocol::http;
  service.backends = {{0, 0}};
  auto empty = service;
  empty.backends.clear();
  auto foreign = empty;
  foreign.mesh = 1;
  out.services = {service, empty, foreign};
  out.outbounds.push_back({0, 0, {at("127.0.0.1:9000")}, {}, {}, 0, 0, {{0, 1}, {kNone, 2}}, RuleIndex(1)});
  out.outbounds.push_back({0, 1, {at("127.0.0.1:9001")}, {}, {}, kNone, kNone, {}, {}});
  out.http_outbounds = {rich_outbound()};
  out.clusters = {rich_cluster(), ClusterImage{}};
  out.http_inbounds = {rich_inbound()};
  return out;
}

const OutboundRoute dial(const Table& table, const char* address) {
  const auto decision = table.route_outbound(WorkloadId(7), OrigDst(at(address)));
  EXPECT_TRUE(std::holds_alternative<OutboundRoute>(decision));
  return std::get<OutboundRoute>(decision);
}

TEST(HttpTable, CodecRoundTrip) {
  const auto made = image();
  const auto back = decode_image(encode(made));
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(*back, made);
  EXPECT_EQ(encode(*back), encode(made));
  // Lists of the smallest elements pass the reader's count check, too.
  TableImage small;
  small.clusters.resize(1);
  small.http_inbounds.resize(1);
  small.http_outbounds = {routes({})};
  small.http_outbounds[0].retries.resize(1);
  small.http_outbounds[0].lua.resize(1);
  small.http_inbounds[0].timeouts.resize(1);
  small.http_inbounds[0].rate_limits.resize(1);
  small.http_inbounds[0].faults.resize(1);
  small.http_inbounds[0].lua.resize(1);
  const auto again = decode_image(encode(small));
  ASSERT_TRUE(again) << again.error();
  EXPECT_EQ(*again, small);
}

TEST(HttpTable, TheHashSeesTheHttpPart) {
  auto other = image();
  other.http_outbounds[0].routes[0].backends[0].weight = 91;
  EXPECT_NE((*Table::build(image()))->content_hash(), (*Table::build(other))->content_hash());
}

TEST(HttpTable, HostileBytesAreRefusedOrSound) {
  auto small = image();
  small.http_inbounds[0].lua[0].code = "x";
  const auto bytes = encode(small);
  const auto seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(Table::decode(std::span(bytes).first(cut)));
  for (int round = 0; round < 5'000; ++round) {
    auto mutated = bytes;
    for (int change = 0; change < 3; ++change)
      mutated[random() % mutated.size()] = static_cast<std::byte>(random());
    const auto table = Table::decode(mutated);
    if (!table) continue;
    const auto decision = (*table)->route_outbound(WorkloadId(7), OrigDst(at("127.0.0.1:9000")));
    const auto* route = std::get_if<OutboundRoute>(&decision);
    if (route == nullptr || route->http() == nullptr) continue;
    for (const auto& backend : route->http()->match("GET", "/v1/x?q=1", Fields()).backends)
      (void)(*table)->route_backend(WorkloadId(7), backend.service);
  }
}

TEST(HttpTable, BadPartsAreRefused) {
  const auto refused = [](auto change) {
    auto made = image();
    change(made);
    return !Table::build(std::move(made)).has_value();
  };
  EXPECT_FALSE(refused([](TableImage&) {}));
  EXPECT_TRUE(refused([](TableImage& i) { i.outbounds[0].http = 1; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.outbounds[0].cluster = 2; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.clusters[0].places.resize(2); }));
  EXPECT_TRUE(
      refused([](TableImage& i) { i.workloads.edit(0, [](auto& one) { one.inbounds[0].http = 1; }); }));
  EXPECT_TRUE(
      refused([](TableImage& i) { i.workloads.edit(0, [](auto& one) { one.inbounds[0].cluster = 0; }); }));
  EXPECT_TRUE(refused([](TableImage& i) {
    i.workloads.edit(0, [](auto& one) { one.inbounds[0].connection_rate.interval = {}; });
  }));
  EXPECT_TRUE(refused([](TableImage& i) { i.outbounds[0].split[0].service = 3; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.outbounds[0].split[0].service = 2; }));  // another mesh
  EXPECT_TRUE(refused([](TableImage& i) { i.http_outbounds[0].routes[0].backends[0].service = 3; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.http_outbounds[0].routes[0].backends[0].service = 2; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.http_outbounds[0].routes[0].mirrors[0].service = 2; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.http_outbounds[0].routes[0].retry = 1; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.http_outbounds[0].routes[0].rule = RuleIndex(2); }));
  EXPECT_TRUE(refused([](TableImage& i) { i.http_outbounds[0].routes.pop_back(); }));
  EXPECT_TRUE(refused([](TableImage& i) { i.http_outbounds[0].routes.clear(); }));
  EXPECT_TRUE(refused([](TableImage& i) { i.http_outbounds[0].routes[0].match.path.value = "("; }));
  EXPECT_TRUE(
      refused([](TableImage& i) { i.http_outbounds[0].routes[0].match.path.value = "((a{99}){99}){99}"; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.http_outbounds[0].routes[0].match.headers[0].name = "A"; }));
  EXPECT_TRUE(refused(
      [](TableImage& i) { i.http_outbounds[0].routes[0].request_headers.set[0].value = "a\r\nb: c"; }));
  EXPECT_TRUE(
      refused([](TableImage& i) { i.http_outbounds[0].routes[0].request_headers.add[0].name = ":path"; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.http_outbounds[0].routes[0].rewrite.value = "/a b"; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.http_outbounds[0].routes[1].redirect.status = 200; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.http_outbounds[0].retries[0].on = 1U << 12U; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.clusters[0].balancing.ring_min = 0; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.clusters[0].health.interval = {}; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.http_inbounds[0].faults[0].fault.abort_share = kWhole + 1; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.http_inbounds[0].rate_limits[0].limit.status = 42; }));
  EXPECT_TRUE(refused([](TableImage& i) { i.http_inbounds[0].lua[0].code.assign(kMaxLuaCode + 1, 'x'); }));
  EXPECT_TRUE(refused([](TableImage& i) { i.http_inbounds[0].timeouts[0].timeouts.rule = RuleIndex(2); }));
}

TEST(HttpTable, RoutesClustersAndBackendsAreReached) {
  const auto table = *Table::build(image());
  const auto found = dial(*table, "127.0.0.1:9000");
  ASSERT_NE(found.http(), nullptr);
  EXPECT_EQ(found.service_index(), 0U);
  EXPECT_EQ(found.cluster()->limits.connections, 1U);
  EXPECT_EQ(found.endpoint(0).workload.zone, "east");
  EXPECT_EQ(found.endpoint(0).inbound.tags[0].value, "v1");
  EXPECT_EQ(found.split().size(), 2U);
  EXPECT_EQ(table->rule(RuleIndex(1)), found.split_rule());
  const Fields fields({{"x-user", "alice"}});
  const auto& chosen = found.http()->match("GET", "/v12/thing?a=b&q=1", fields);
  EXPECT_EQ(chosen.rule, RuleIndex(1));
  EXPECT_EQ(found.http()->retry(chosen)->retries, 3U);
  EXPECT_TRUE(found.http()->retry_conditions(chosen).response.any_holds(Fields({{"x-retry", ""}})));
  EXPECT_FALSE(found.http()->retry_conditions(chosen).request.any_holds(Fields({{"x-may", "no"}})));
  EXPECT_TRUE(std::holds_alternative<OutboundRoute>(table->route_backend(WorkloadId(7), 0)));
  EXPECT_TRUE(std::holds_alternative<Refusal>(table->route_backend(WorkloadId(7), 1)));  // no endpoint
  EXPECT_TRUE(std::holds_alternative<Refusal>(table->route_backend(WorkloadId(7), 2)));  // another mesh
  EXPECT_TRUE(std::holds_alternative<Refusal>(table->route_backend(WorkloadId(7), kNone)));
  EXPECT_TRUE(
      std::holds_alternative<Refusal>(table->route_outbound(WorkloadId(7), OrigDst(at("127.0.0.1:9001")))));
}

TEST(HttpTable, SplitsShareOutByWeight) {
  auto made = image();
  made.services.edit(1, [](auto& one) { one.backends = {{0, 0}}; });
  made.outbounds[0].split = {{0, 9}, {1, 1}};
  const auto table = *Table::build(made);
  const auto route = dial(*table, "127.0.0.1:9000");
  std::map<std::uint32_t, int> seen;
  for (std::uint64_t turn = 0; turn < 1000; ++turn)
    ++seen[std::get<OutboundRoute>(table->route_split(route, turn)).service_index()];
  EXPECT_NEAR(seen[0], 900, 5);
  EXPECT_NEAR(seen[1], 100, 5);
  made.outbounds[0].split = {{kNone, 1}};
  const auto none = *Table::build(made);
  const auto decision = none->route_split(dial(*none, "127.0.0.1:9000"), 7);
  EXPECT_EQ(std::get<Refusal>(decision).reason, Reason::no_endpoints);
  EXPECT_EQ(std::get<Refusal>(decision).rule->policy, "MeshHTTPRoute/p");
  const auto plain = std::get<OutboundRoute>(none->route_backend(WorkloadId(7), 1));
  EXPECT_EQ(std::get<OutboundRoute>(none->route_split(plain, 7)).service_index(), 1U);
}

// Weights may be as large as a document's numbers.
TEST(HttpTable, SplitsOfHugeWeights) {
  auto made = image();
  made.services.edit(1, [](auto& one) { one.backends = {{0, 0}}; });
  made.outbounds[0].split.assign(kMaxListPerRoute, {0, UINT32_MAX});
  made.outbounds[0].split.back().service = 1;
  const auto table = *Table::build(made);
  const auto route = dial(*table, "127.0.0.1:9000");
  int last = 0;
  for (std::uint64_t turn = 0; turn < 10 * kMaxListPerRoute; ++turn)
    last += std::get<OutboundRoute>(table->route_split(route, turn)).service_index() == 1 ? 1 : 0;
  EXPECT_NEAR(last, 10, 3);
}

TEST(HttpTable, RoutesOfAServiceWithoutEndpointsAreReached) {
  auto made = image();
  made.outbounds[1].http = 0;
  const auto table = *Table::build(made);
  const auto found = dial(*table, "127.0.0.1:9001");
  EXPECT_EQ(found.size(), 0U);
  EXPECT_NE(found.http(), nullptr);
}

TEST(HttpTable, InboundRulesByPeer) {
  const auto table = *Table::build(image());
  const auto view = table->inbound(WorkloadId(7), OrigDst(at("10.0.0.1:80")));
  ASSERT_NE(view.http, nullptr);
  EXPECT_EQ(view.connection_rate->num, 10U);
  EXPECT_NE(view.cluster, nullptr);
  const std::vector<std::string> web{"spiffe://default/web"};
  const std::vector<std::string> job{"spiffe://default/job"};
  const Peer is_web{web, {}, {}};
  const Peer is_job{job, {}, {}};
  EXPECT_EQ(timeouts_for(*view.http, &is_web)->request, Nanos(9));
  EXPECT_EQ(timeouts_for(*view.http, &is_job)->request, Nanos(8));
  EXPECT_EQ(timeouts_for(*view.http, nullptr)->request, Nanos(8));
  EXPECT_EQ(rate_limit_for(*view.http, &is_web)->num, 5U);
  EXPECT_EQ(rate_limit_for(*view.http, &is_job), nullptr);
  EXPECT_EQ(rate_limit_for(*view.http, nullptr), nullptr);
  const auto decision = table->admit(WorkloadId(7), OrigDst(at("10.0.0.1:80")), nullptr, ClientAddr());
  EXPECT_EQ(std::get<Permit>(decision).http(), view.http);
  EXPECT_EQ(table->inbound(WorkloadId(7), OrigDst(at("10.0.0.1:81"))).http, nullptr);
}

struct Request {
  std::string method = "GET";
  std::string target = "/";
  Fields fields = {};
};

// The place of the first route of `list` that matches.
std::uint32_t place(std::vector<RouteImage> list, const Request& request) {
  auto made = image();
  made.http_outbounds = {routes(std::move(list))};
  const auto table = Table::build(std::move(made));
  EXPECT_TRUE(table) << table.error();
  return dial(**table, "127.0.0.1:9000").http()->position(request.method, request.target, request.fields);
}

TEST(HttpRoutes, PathsMatchAsTheyShould) {
  const auto exact = route(PathMatch::Kind::exact, "/a");
  EXPECT_EQ(place({exact}, {.target = "/a"}), 0U);
  EXPECT_EQ(place({exact}, {.target = "/a?x=1"}), 0U);
  EXPECT_EQ(place({exact}, {.target = "/a#top"}), 0U);
  EXPECT_EQ(place({exact}, {.target = "/a/"}), 1U);
  const auto prefix = route(PathMatch::Kind::prefix, "/a");
  EXPECT_EQ(place({prefix}, {.target = "/a"}), 0U);
  EXPECT_EQ(place({prefix}, {.target = "/a/"}), 0U);
  EXPECT_EQ(place({prefix}, {.target = "/a/b/c?d"}), 0U);
  EXPECT_EQ(place({prefix}, {.target = "/ab"}), 1U);
  EXPECT_EQ(place({prefix}, {.target = "/"}), 1U);
  const auto root = route(PathMatch::Kind::prefix, "/");
  EXPECT_EQ(place({root}, {.target = "/anything"}), 0U);
  EXPECT_EQ(place({root}, {.target = "*"}), 1U);
  const auto regex = route(PathMatch::Kind::regex, "/v[0-9]+/x");
  EXPECT_EQ(place({regex}, {.target = "/v1/x?y"}), 0U);
  EXPECT_EQ(place({regex}, {.target = "/v1/xy"}), 1U);
  EXPECT_EQ(place({regex}, {.target = "/w/v1/x"}), 1U);
}

TEST(HttpRoutes, TheFirstThatMatchesIsTaken) {
  const auto a = route(PathMatch::Kind::prefix, "/a");
  const auto ab = route(PathMatch::Kind::prefix, "/a/b");
  const auto regex = route(PathMatch::Kind::regex, "/a/.*");
  EXPECT_EQ(place({a, ab}, {.target = "/a/b"}), 0U);
  EXPECT_EQ(place({ab, a}, {.target = "/a/b"}), 0U);
  EXPECT_EQ(place({ab, a}, {.target = "/a/c"}), 1U);
  EXPECT_EQ(place({regex, ab, a}, {.target = "/a/b"}), 0U);
  EXPECT_EQ(place({RouteImage{}, ab}, {.target = "/a/b"}), 0U);
}

TEST(HttpRoutes, MethodHeadersAndQueryAreConditions) {
  auto by_method = route(PathMatch::Kind::prefix, "/");
  by_method.match.method = "POST";
  EXPECT_EQ(place({by_method}, {.method = "POST"}), 0U);
  EXPECT_EQ(place({by_method}, {.method = "GET"}), 1U);
  const auto by_header = [](TextMatch::Kind kind, const char* value) {
    auto out = route(PathMatch::Kind::any, "");
    out.match.headers = {{kind, "x-version", value}};
    return out;
  };
  const auto with = [](const char* value) { return Request{.fields = Fields({{"x-version", value}})}; };
  EXPECT_EQ(place({by_header(TextMatch::Kind::exact, "v1")}, with("v1")), 0U);
  EXPECT_EQ(place({by_header(TextMatch::Kind::exact, "v1")}, with("v10")), 1U);
  EXPECT_EQ(place({by_header(TextMatch::Kind::exact, "v1")}, {}), 1U);
  EXPECT_EQ(place({by_header(TextMatch::Kind::prefix, "v1")}, with("v10")), 0U);
  EXPECT_EQ(place({by_header(TextMatch::Kind::regex, "v[0-9]")}, with("v1")), 0U);
  EXPECT_EQ(place({by_header(TextMatch::Kind::regex, "v[0-9]")}, with("v10")), 1U);
  EXPECT_EQ(place({by_header(TextMatch::Kind::present, "")}, with("")), 0U);
  EXPECT_EQ(place({by_header(TextMatch::Kind::present, "")}, {}), 1U);
  EXPECT_EQ(place({by_header(TextMatch::Kind::absent, "")}, {}), 0U);
  EXPECT_EQ(place({by_header(TextMatch::Kind::absent, "")}, with("")), 1U);
  auto by_query = route(PathMatch::Kind::any, "");
  by_query.match.query = {{TextMatch::Kind::exact, "a", "1"}, {TextMatch::Kind::regex, "b", "[xy]"}};
  EXPECT_EQ(place({by_query}, {.target = "/?b=x&a=1"}), 0U);
  EXPECT_EQ(place({by_query}, {.target = "/?b=x&a=2&a=1"}), 1U);
  EXPECT_EQ(place({by_query}, {.target = "/?a=1"}), 1U);
  EXPECT_EQ(place({by_query}, {.target = "/a=1&b=x"}), 1U);
}

}  // namespace
}  // namespace sluice::policy
