// MeshHealthCheck, from documents to what endpoints are asked and which of them clients reach.
#include <algorithm>
#include <chrono>

#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

std::string check(const std::string& conf, const std::string& service = "far") {
  return towards("MeshHealthCheck", service, "{" + conf + "}");
}
// Probes every second from the start.
constexpr const char* kEverySecond = "interval: 1s, noTrafficInterval: 1s, timeout: 500ms, ";

io::Task<void> sleep_long(HttpLab* lab, Nanos time) {
  (void)co_await lab->ring().sleep_for(time);
}

// How many probes the first endpoint got in `time`, with nobody else asking.
std::size_t probes(const std::string& policies, Nanos time, const LabOptions& options = {}) {
  HttpLab lab(policies, options);
  lab.play(sleep_long(&lab, time));
  return lab.application().heads.size();
}

io::Task<void> ask_after(HttpLab* lab, Nanos time, int count, Nanos pause, std::vector<int>* statuses) {
  (void)co_await lab->ring().sleep_for(time);
  Client client(*lab, Way::outbound);
  for (int i = 0; i < count; ++i) {
    statuses->push_back((co_await client.ask("/echo")).status);
    (void)co_await lab->ring().sleep_for(pause);
  }
}

// Requests that the first endpoint of two got, `time` after the start.
std::size_t served_by_first(HttpLab& lab, Nanos time, int count = 20) {
  std::vector<int> statuses;
  lab.play(ask_after(&lab, time, count, 1ms, &statuses));
  const auto& heads = lab.application().heads;
  return static_cast<std::size_t>(
      std::ranges::count_if(heads, [](const auto& head) { return head.contains("/echo"); }));
}

TEST(HealthCheck, AnUnhealthyEndpointGetsNoTraffic) {
  HttpLab lab(check(std::string(kEverySecond) + "http: {path: /status/200}"), {.far_endpoints = 2});
  for (int i = 0; i < 3; ++i) lab.application().next.push_back({503});
  EXPECT_EQ(served_by_first(lab, 1500ms), 0U);
  EXPECT_GT(lab.value(Metric::health_probes), 2);
  EXPECT_GT(lab.value(Metric::health_probes_failed), 0);
  HttpLab unchecked(towards("MeshTimeout", "far", "{http: {requestTimeout: 9s}}"), {.far_endpoints = 2});
  EXPECT_EQ(served_by_first(unchecked, 1500ms), 10U);
}

TEST(HealthCheck, AHealthyOneComesBack) {
  HttpLab lab(check(std::string(kEverySecond) + "healthyThreshold: 2, http: {path: /status/200}"),
              {.far_endpoints = 2});
  lab.application().next.push_back({503});
  EXPECT_GT(served_by_first(lab, 5s), 0U);
  HttpLab patient(check(std::string(kEverySecond) + "healthyThreshold: 30, http: {path: /status/200}"),
                  {.far_endpoints = 2});
  patient.application().next.push_back({503});
  EXPECT_EQ(served_by_first(patient, 5s), 0U);
}

TEST(HealthCheck, Interval) {
  EXPECT_EQ(probes(check("interval: 1s, noTrafficInterval: 1s, http: {path: /echo}"), 10500ms), 11U);
  EXPECT_EQ(probes(check("interval: 5s, noTrafficInterval: 5s, http: {path: /echo}"), 10500ms), 3U);
}

io::Task<void> ask_and_wait(HttpLab* lab, Nanos time) {
  Client client(*lab, Way::outbound);
  EXPECT_EQ((co_await client.ask("/echo")).status, 200);
  (void)co_await lab->ring().sleep_for(time);
}

TEST(HealthCheck, IntervalOnceSomebodyHasAsked) {
  const auto probes = [](const std::string& interval) {
    HttpLab lab(check("interval: " + interval + ", noTrafficInterval: 2s, http: {path: /echo}"));
    lab.play(ask_and_wait(&lab, 20500ms));
    return lab.application().heads.size() - 1;
  };
  EXPECT_GE(probes("1s"), 18U);
  EXPECT_LE(probes("5s"), 7U);
}

TEST(HealthCheck, NoTrafficIntervalUntilSomebodyAsks) {
  EXPECT_EQ(probes(check("interval: 1s, noTrafficInterval: 8s, http: {path: /echo}"), 10500ms), 2U);
}

TEST(HealthCheck, Jitter) {
  const std::string plain = check("interval: 1s, noTrafficInterval: 1s, http: {path: /echo}");
  EXPECT_EQ(probes(plain, 100500ms), 101U);
  EXPECT_LT(
      probes(check("interval: 1s, noTrafficInterval: 1s, intervalJitter: 1s, http: {path: /echo}"), 100500ms),
      90U);
  EXPECT_LT(
      probes(check("interval: 1s, noTrafficInterval: 1s, intervalJitterPercent: 100, http: {path: /echo}"),
             100500ms),
      90U);
  // All twenty would have been asked at once.
  std::size_t late = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    late += probes(check("interval: 60s, initialJitter: 10s, http: {path: /echo}"), 2s, {.seed = seed}) == 0;
  EXPECT_GT(late, 5U);
}

TEST(HealthCheck, TimeoutAndUnhealthyThreshold) {
  const auto served = [](const std::string& timeout, const std::string& threshold, Nanos after) {
    HttpLab lab(check("interval: 1s, noTrafficInterval: 1s, timeout: " + timeout +
                      ", unhealthyThreshold: " + threshold + ", http: {path: /wait/400}"),
                {.far_endpoints = 2});
    lab.far(1).always = {200};
    return served_by_first(lab, after);
  };
  EXPECT_GT(served("500ms", "2", 10s), 0U);
  EXPECT_EQ(served("300ms", "2", 10s), 0U);
  EXPECT_GT(served("300ms", "50", 10s), 0U);
}

TEST(HealthCheck, PathHeadersAndStatuses) {
  HttpLab lab(check(std::string(kEverySecond) +
                    "http: {path: /status/201, expectedStatuses: [201], requestHeadersToAdd: "
                    "{set: [{name: x-set, value: s}], add: [{name: x-add, value: a}]}}"),
              {.far_endpoints = 2});
  lab.far(1).always = {200};
  EXPECT_EQ(served_by_first(lab, 3s), 20U) << "the other one says another status";
  const std::string& head = lab.application().heads.front();
  EXPECT_TRUE(head.starts_with("GET /status/201 HTTP/1.1\r\n")) << head;
  EXPECT_TRUE(head.contains("x-set: s\r\n") && head.contains("x-add: a\r\n")) << head;
  HttpLab other(check(std::string(kEverySecond) + "http: {path: /status/201, expectedStatuses: [200]}"),
                {.far_endpoints = 2});
  other.far(1).always = {200};
  EXPECT_EQ(served_by_first(other, 3s), 0U);
}

TEST(HealthCheck, Disabled) {
  EXPECT_EQ(probes(check("http: {disabled: true, path: /echo}"), 10s), 0U);
}

TEST(HealthCheck, ReuseConnection) {
  const auto connections = [](const std::string& reuse) {
    HttpLab lab(
        check("interval: 1s, noTrafficInterval: 1s, reuseConnection: " + reuse + ", http: {path: /echo}"));
    lab.play(sleep_long(&lab, 5500ms));
    return lab.application().connections;
  };
  EXPECT_EQ(connections("true"), 1);
  EXPECT_GT(connections("false"), 4);
}

TEST(HealthCheck, PanicThresholdAndFailTrafficOnPanic) {
  const auto good = [](const std::string& conf) {
    HttpLab lab(check(std::string(kEverySecond) + conf + "http: {path: /status/503}"), {.far_endpoints = 2});
    std::vector<int> statuses;
    lab.play(ask_after(&lab, 3s, 10, 1ms, &statuses));
    return std::ranges::count(statuses, 200);
  };
  EXPECT_EQ(good(""), 10) << "half of them is the threshold: all are used";
  EXPECT_EQ(good("healthyPanicThreshold: 0, "), 0);
  EXPECT_EQ(good("failTrafficOnPanic: true, "), 0);
}

// Lines of the operator's log about an endpoint that is down from the start, in ten seconds.
long lines_about_failures(const std::string& conf) {
  testing::internal::CaptureStderr();
  {
    HttpLab lab(check(std::string(kEverySecond) + conf + "unhealthyThreshold: 1, http: {path: /status/503}"),
                {.log = LogLevel::warn});
    lab.play(sleep_long(&lab, 10500ms));
  }
  const std::string log = testing::internal::GetCapturedStderr();
  long lines = 0;
  for (std::size_t at = 0; (at = log.find("10.0.0.3:80", at)) != std::string::npos; ++at) ++lines;
  return lines;
}

TEST(HealthCheck, AlwaysLogHealthCheckFailures) {
  EXPECT_EQ(lines_about_failures(""), 1) << "only that it became unhealthy";
  EXPECT_EQ(lines_about_failures("alwaysLogHealthCheckFailures: false, "), 1);
  EXPECT_EQ(lines_about_failures("alwaysLogHealthCheckFailures: true, "), 11);
}

// What the file is told of an endpoint that is down for the first five of eleven seconds, a word an event.
std::string told_of_five_bad_checks(const std::string& conf) {
  HttpLab lab(check(std::string(kEverySecond) + conf + "unhealthyThreshold: 2, http: {path: /status/200}"));
  for (int i = 0; i < 5; ++i) lab.application().next.push_back({503});
  lab.play(sleep_long(&lab, 10500ms));
  std::string out;
  for (const auto& event : lab.health_events()) {
    EXPECT_STREQ(event.path.data(), "/var/log/checks.log");
    EXPECT_STREQ(event.service.data(), "far");
    EXPECT_STREQ(event.mesh.data(), "default");
    EXPECT_EQ(SocketAddr(IpAddr{event.address}, static_cast<std::uint16_t>(event.port)).text(),
              "10.0.0.3:80");
    EXPECT_EQ(event.checker, message::HealthEvent::Checker::http);
    const bool well = event.what == message::HealthEvent::What::added;
    if (!well) EXPECT_EQ(event.failure, message::HealthEvent::Failure::active);
    out += well ? "added" : event.what == message::HealthEvent::What::ejected ? "ejected" : "failed";
    out += event.first != 0 ? "(first) " : " ";
  }
  return out;
}

TEST(HealthCheck, EventLogPath) {
  EXPECT_EQ(told_of_five_bad_checks(""), "");
  const std::string file = "eventLogPath: /var/log/checks.log, ";
  EXPECT_EQ(told_of_five_bad_checks(file), "ejected(first) failed(first) added ");
  EXPECT_EQ(told_of_five_bad_checks(file + "alwaysLogHealthCheckFailures: true, "),
            "ejected(first) failed(first) failed failed failed failed added ");
}

TEST(HealthCheck, EventsTellTimeoutsFromOtherFailures) {
  const auto failure = [](const std::string& path, std::set<std::size_t> down) {
    HttpLab lab(check(std::string(kEverySecond) +
                      "unhealthyThreshold: 1, eventLogPath: /f, http: {path: " + path + "}"),
                {.far_endpoints = 2, .down = std::move(down)});
    lab.play(sleep_long(&lab, 1900ms));
    return lab.health_events().empty() ? message::HealthEvent::Failure::active
                                       : lab.health_events()[0].failure;
  };
  EXPECT_EQ(failure("/wait/900", {}), message::HealthEvent::Failure::network_timeout);
  EXPECT_EQ(failure("/status/200", {0}), message::HealthEvent::Failure::network);
}

TEST(HealthCheck, EventsThatAreLostAreCounted) {
  HttpLab lab(check(std::string(kEverySecond) + "eventLogPath: /f, alwaysLogHealthCheckFailures: true, "
                                                "http: {path: /status/503}"),
              {.health_events_max = 3});
  lab.play(sleep_long(&lab, 5500ms));
  EXPECT_EQ(lab.health_events().size(), 3U);
  EXPECT_EQ(lab.value(Metric::health_events_lost), 4);
}

// A connection whose setting up began under the older table asks under it.
io::Task<void> ask_under_an_older_table(HttpLab* lab, std::string newer, std::size_t* before) {
  (void)co_await lab->ring().sleep_for(2500ms);
  const auto older = lab->context().snapshot.table;
  lab->put_into_force(newer);
  const auto client = older->image().outbounds.front().workload;
  const OrigDst dialled(HttpLab::address(Way::outbound));
  const auto route = older->route_outbound(older->image().workloads[client].id, dialled);
  EXPECT_NE(lab->context().clusters.of(older, std::get<policy::OutboundRoute>(route), lab->ring().now()),
            nullptr);
  *before = lab->application().heads.size();
  (void)co_await lab->ring().sleep_for(5s);
}

TEST(HealthCheck, GoesOnWhileAnOlderTableIsStillAsked) {
  const std::string policies = check(std::string(kEverySecond) + "http: {path: /echo}");
  HttpLab lab(policies);
  std::size_t before = 0;
  lab.play(ask_under_an_older_table(
      &lab, policies + towards("MeshTimeout", "far", "{http: {requestTimeout: 9s}}"), &before));
  EXPECT_GE(before, 2U);
  EXPECT_GE(lab.application().heads.size(), before + 4);
}

TEST(HealthCheckTcp, SendAndReceive) {
  const auto well = [](const std::string& receive) {
    HttpLab lab(
        check("interval: 1s, noTrafficInterval: 1s, timeout: 500ms, unhealthyThreshold: 1, tcp: {send: "
              R"("GET /echo HTTP/1.1\r\n\r\n", receive: [)" +
                  receive + "]}",
              "db"));
    lab.play(sleep_long(&lab, 3s));
    EXPECT_GT(lab.application().heads.size(), 1U);
    return lab.value(Metric::health_probes_failed) == 0;
  };
  EXPECT_TRUE(well("200 OK"));
  EXPECT_FALSE(well("'500'"));
}

TEST(HealthCheckTcp, ConnectingIsEnoughWhereNothingIsSent) {
  for (const bool down : {false, true}) {
    HttpLab lab(
        check("interval: 1s, noTrafficInterval: 1s, unhealthyThreshold: 1, tcp: {disabled: false}", "db"),
        {.down = down ? std::set<std::size_t>{0} : std::set<std::size_t>{}});
    lab.play(sleep_long(&lab, 3s));
    EXPECT_GT(lab.value(Metric::health_probes), 1);
    EXPECT_EQ(lab.value(Metric::health_probes_failed) > 0, down);
  }
  HttpLab disabled(check("tcp: {disabled: true}", "db"));
  disabled.play(sleep_long(&disabled, 3s));
  EXPECT_EQ(disabled.value(Metric::health_probes), 0);
}

TEST(HealthCheckGrpc, ServiceAndAuthority) {
  HttpLab lab(
      check("interval: 1s, noTrafficInterval: 1s, grpc: {serviceName: shop, authority: shop.example}"),
      {.protocol = "grpc"});
  lab.play(sleep_long(&lab, 2s));
  ASSERT_FALSE(lab.application().heads.empty());
  const std::string& head = lab.application().heads.front();
  EXPECT_TRUE(head.starts_with("POST /grpc.health.v1.Health/Check ")) << head;
  EXPECT_TRUE(head.contains("shop.example")) << head;
  // A message of one field: its number and type, its length, the text.
  ASSERT_FALSE(lab.application().checks.empty());
  EXPECT_EQ(lab.application().checks.front(), std::string("\0\0\0\0\6\n\4shop", 11));
  HttpLab off(check("grpc: {disabled: true}"), {.protocol = "grpc"});
  off.play(sleep_long(&off, 2s));
  EXPECT_TRUE(off.application().heads.empty());
}

}  // namespace
}  // namespace sluice::lab
