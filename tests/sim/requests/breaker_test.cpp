// MeshCircuitBreaker, from documents to what clients and applications see.
#include <algorithm>
#include <chrono>

#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

std::string limits(const std::string& conf) {
  return towards("MeshCircuitBreaker", "far", "{connectionLimits: " + conf + "}");
}

// What became of requests that came at once, each over a connection of its own.
struct Crowd {
  int served = 0;
  int refused = 0;
  std::string refusal;  // head of the last one
};

io::Task<void> ask_one(HttpLab* lab, Way way, std::string path, Crowd* crowd) {
  Client client(*lab, way);
  const auto answer = co_await client.ask(std::move(path));
  if (answer.status == 200) ++crowd->served;
  if (answer.status == 503) ++crowd->refused, crowd->refusal = answer.head;
}

io::Task<void> ask_all(HttpLab* lab, Way way, int count, std::string path, Crowd* crowd) {
  io::Scope all;
  for (int i = 0; i < count; ++i) all.spawn(ask_one(lab, way, path, crowd));
  co_await all.join();
}

Crowd crowd(HttpLab& lab, int count, const std::string& path = "/wait/500", Way way = Way::outbound) {
  Crowd out;
  lab.play(ask_all(&lab, way, count, path, &out));
  EXPECT_EQ(out.served + out.refused, count);
  return out;
}

TEST(ConnectionLimits, MaxRequestsRefusesWhatIsAbove) {
  HttpLab lab(limits("{maxRequests: 3}"));
  const Crowd out = crowd(lab, 5);
  EXPECT_EQ(out.served, 3);
  EXPECT_NE(out.refusal.find("x-envoy-overloaded: true"), std::string::npos);
  EXPECT_EQ(lab.value(Metric::requests_broken), 2);
  EXPECT_EQ(lab.count(Reason::breaker_open), 2U);
}

TEST(ConnectionLimits, MaxConnectionsMakesRequestsWait) {
  HttpLab lab(limits("{maxConnections: 2}"));
  EXPECT_EQ(crowd(lab, 6).served, 6);
  EXPECT_EQ(lab.application().connections, 2);
  HttpLab free(limits("{maxConnections: 100}"));
  EXPECT_EQ(crowd(free, 6).served, 6);
  EXPECT_EQ(free.application().connections, 6);
}

TEST(ConnectionLimits, MaxPendingRequestsRefusesThoseWhoWouldWait) {
  HttpLab lab(limits("{maxConnections: 1, maxPendingRequests: 2}"));
  const Crowd out = crowd(lab, 6);
  EXPECT_LT(out.served, 6);
  EXPECT_GE(out.served, 2);
}

TEST(ConnectionLimits, MaxConnectionPoolsRefusesFurtherEndpoints) {
  HttpLab lab(limits("{maxConnectionPools: 1}"), {.far_endpoints = 3});
  const Crowd out = crowd(lab, 6);
  EXPECT_GT(out.refused, 0);
  const int used = (lab.far(0).connections > 0) + (lab.far(1).connections > 0) + (lab.far(2).connections > 0);
  EXPECT_EQ(used, 1);
}

TEST(ConnectionLimits, MaxRetriesBoundsRetriesUnderWay) {
  const auto attempts = [](const std::string& conf) {
    HttpLab lab(conf + towards("MeshRetry", "far",
                               "{http: {numRetries: 1, retryOn: [5xx], "
                               "backOff: {baseInterval: 1ms, maxInterval: 2ms}}}"));
    lab.application().always = {.status = 503, .after = 100ms};
    EXPECT_EQ(crowd(lab, 10).refused, 10);
    return lab.application().heads.size();
  };
  EXPECT_EQ(attempts(limits("{maxRetries: 1}")), 11U);
  EXPECT_EQ(attempts(limits("{maxRetries: 100}")), 20U);
  EXPECT_EQ(attempts(""), 13U) << "a budget of three, or a fifth of what is under way";
}

TEST(ConnectionLimits, AStormOfRetriesDoesNotMultiplyItself) {
  HttpLab lab(
      towards("MeshRetry", "far",
              "{http: {numRetries: 5, retryOn: [5xx], backOff: {baseInterval: 1ms, maxInterval: 2ms}}}"));
  lab.application().always = {.status = 503, .after = 100ms};
  EXPECT_EQ(crowd(lab, 200).refused, 200) << "with the application's answer";
  EXPECT_GE(lab.application().heads.size(), 200U + 20U);
  EXPECT_LE(lab.application().heads.size(), 200U + 5 * 40U) << "a fifth of what is under way";
  EXPECT_EQ(static_cast<Reason>(lab.last_request().reason), Reason::completed);
}

TEST(ConnectionLimits, OfAnInboundGuardTheApplication) {
  HttpLab lab(at_api("MeshCircuitBreaker", "    - default: {connectionLimits: {maxRequests: 2}}\n"));
  EXPECT_EQ(crowd(lab, 5, "/wait/500", Way::inbound).served, 2);
}

// Kuma's rules say nothing of clients here; what a document says of them all the same has no effect.
TEST(ConnectionLimits, RulesHoldForEverybody) {
  const std::string rules =
      "    - matches: [{spiffeID: {type: Exact, value: 'spiffe://default/job'}}]\n"
      "      default: {connectionLimits: {maxRequests: 2}}\n";
  HttpLab lab(at_api("MeshCircuitBreaker", rules));
  EXPECT_EQ(crowd(lab, 5, "/wait/500", Way::inbound).served, 2);
}

io::Task<void> hold_bytes(HttpLab* lab, int* served) {
  Client client(*lab, Way::bytes);
  *served += (co_await client.ask("/wait/500")).status == 200;
}

io::Task<void> hold_many(HttpLab* lab, int count, int* served) {
  io::Scope all;
  for (int i = 0; i < count; ++i) all.spawn(hold_bytes(lab, served));
  co_await all.join();
}

TEST(ConnectionLimits, MaxConnectionsRefusesConnectionsOfBytes) {
  HttpLab lab(towards("MeshCircuitBreaker", "db", "{connectionLimits: {maxConnections: 2}}"));
  int served = 0;
  lab.play(hold_many(&lab, 5, &served));
  EXPECT_EQ(served, 2);
  EXPECT_EQ(lab.count(Reason::breaker_open), 3U);
}

// Requests one after the other, with pauses; how many of each endpoint's answers were among the last `last`.
io::Task<void> ask_in_turn(HttpLab* lab, int count, Nanos pause, std::vector<int>* statuses,
                           Way way = Way::outbound) {
  Client client(*lab, way);
  for (int i = 0; i < count; ++i) {
    statuses->push_back((co_await client.ask("/echo")).status);
    (void)co_await lab->ring().sleep_for(pause);
  }
}

std::string outliers(const std::string& conf) {
  return towards("MeshCircuitBreaker", "far", "{outlierDetection: " + conf + "}");
}

// How many of `count` requests far's first endpoint, which says `said`, still got.
// Requests are read, and zones do not count.
const std::string kPlain =
    towards("MeshTimeout", "far", "{http: {requestTimeout: 9s}}") +
    towards("MeshLoadBalancingStrategy", "far", "{localityAwareness: {disabled: true}}");

std::size_t went_to_the_bad_one(const std::string& policies, const Application::Said& said, int count = 40,
                                Nanos pause = 10ms, std::size_t endpoints = 2,
                                const std::set<std::size_t>& down = {}) {
  HttpLab lab(kPlain + policies, {.far_endpoints = endpoints, .down = down});
  lab.application().always = said;
  std::vector<int> statuses;
  lab.play(ask_in_turn(&lab, count, pause, &statuses));
  if (!down.empty()) return static_cast<std::size_t>(std::ranges::count(statuses, 503));
  return lab.application().heads.size();
}

constexpr const char* kOften = "interval: 100ms, baseEjectionTime: 1h, maxEjectionPercent: 60, ";

TEST(Outliers, TotalFailuresInARow) {
  const std::string five = std::string("{") + kOften + "detectors: {totalFailures: {consecutive: 5}}}";
  EXPECT_EQ(went_to_the_bad_one(outliers(five), {500}), 5U);
  EXPECT_EQ(went_to_the_bad_one(outliers(five), {404}), 20U);
  EXPECT_EQ(went_to_the_bad_one("", {500, "x: y\r\n"}), 20U);
}

TEST(Outliers, Disabled) {
  EXPECT_EQ(went_to_the_bad_one(outliers(std::string("{disabled: true, ") + kOften +
                                         "detectors: {totalFailures: {consecutive: 5}}}"),
                                {500}),
            20U);
}

TEST(Outliers, GatewayFailuresInARow) {
  const std::string conf = std::string("{") + kOften + "detectors: {gatewayFailures: {consecutive: 3}}}";
  EXPECT_EQ(went_to_the_bad_one(outliers(conf), {503}), 3U);
  EXPECT_EQ(went_to_the_bad_one(outliers(conf), {500}), 20U);
}

TEST(Outliers, LocalOriginFailuresAreApartWhenSplit) {
  const auto failed = [](const std::string& split) {
    return went_to_the_bad_one(
        outliers(std::string("{") + kOften + "splitExternalAndLocalErrors: " + split +
                 ", detectors: {localOriginFailures: {consecutive: 4}, totalFailures: {consecutive: 9}}}"),
        {}, 40, 10ms, 2, {0});
  };
  EXPECT_EQ(failed("true"), 4U);
  EXPECT_EQ(failed("false"), 9U);
}

TEST(Outliers, SuccessRateFarBelowTheOthers) {
  const auto bad = [](const std::string& detector) {
    return went_to_the_bad_one(
        outliers("{interval: 1s, baseEjectionTime: 1h, maxEjectionPercent: 60, detectors: {successRate: " +
                 detector + "}}"),
        {500}, 200, 10ms, 4);
  };
  EXPECT_LT(bad("{minimumHosts: 3, requestVolume: 10, standardDeviationFactor: '1.5'}"), 30U);
  EXPECT_EQ(bad("{minimumHosts: 5, requestVolume: 10, standardDeviationFactor: '1.5'}"), 50U);
  EXPECT_EQ(bad("{minimumHosts: 3, requestVolume: 100, standardDeviationFactor: '1.5'}"), 50U);
  EXPECT_EQ(bad("{minimumHosts: 3, requestVolume: 10, standardDeviationFactor: '3.0'}"), 50U);
}

TEST(Outliers, FailurePercentage) {
  const auto bad = [](const std::string& detector) {
    return went_to_the_bad_one(
        outliers(
            "{interval: 1s, baseEjectionTime: 1h, maxEjectionPercent: 60, detectors: {failurePercentage: " +
            detector + "}}"),
        {500}, 200, 10ms, 4);
  };
  EXPECT_LT(bad("{minimumHosts: 3, requestVolume: 10, threshold: 85}"), 30U);
  EXPECT_EQ(bad("{minimumHosts: 5, requestVolume: 10, threshold: 85}"), 50U);
  EXPECT_EQ(bad("{minimumHosts: 3, requestVolume: 100, threshold: 85}"), 50U);
}

TEST(Outliers, FailurePercentageBelowItsThreshold) {
  const auto half_failed = [](const std::string& threshold) {
    HttpLab lab(kPlain + outliers("{interval: 1s, baseEjectionTime: 1h, maxEjectionPercent: 60, detectors: "
                                  "{failurePercentage: {minimumHosts: 1, requestVolume: 5, threshold: " +
                                  threshold + "}}}"),
                {.far_endpoints = 2});
    for (int i = 0; i < 50; ++i) lab.application().next.push_back({i % 2 == 0 ? 500 : 0});
    std::vector<int> statuses;
    lab.play(ask_in_turn(&lab, 100, 40ms, &statuses));
    return lab.application().heads.size();
  };
  EXPECT_EQ(half_failed("85"), 50U);
  EXPECT_LT(half_failed("40"), 40U);
}

TEST(Outliers, ComeBackAfterBaseEjectionTime) {
  const auto heads = [](const std::string& base) {
    return went_to_the_bad_one(outliers("{interval: 100ms, maxEjectionPercent: 60, baseEjectionTime: " +
                                        base + ", detectors: {totalFailures: {consecutive: 5}}}"),
                               {500}, 100, 100ms);
  };
  EXPECT_EQ(heads("1h"), 5U);
  EXPECT_GT(heads("1s"), 5U);
}

TEST(Outliers, ComeBackOnlyWhenAnIntervalEnds) {
  const auto heads = [](const std::string& interval) {
    return went_to_the_bad_one(outliers("{interval: " + interval +
                                        ", maxEjectionPercent: 60, baseEjectionTime: 100ms, detectors: "
                                        "{totalFailures: {consecutive: 5}}}"),
                               {500}, 60, 100ms);
  };
  EXPECT_EQ(heads("1h"), 5U);
  EXPECT_GT(heads("1s"), 5U);
}

TEST(Outliers, MaxEjectionPercentKeepsTheRest) {
  EXPECT_EQ(went_to_the_bad_one(outliers("{interval: 100ms, baseEjectionTime: 1h, maxEjectionPercent: 50, "
                                         "detectors: {totalFailures: {consecutive: 5}}}"),
                                {500}),
            5U);
  EXPECT_EQ(went_to_the_bad_one(outliers("{interval: 100ms, baseEjectionTime: 1h, maxEjectionPercent: 10, "
                                         "detectors: {totalFailures: {consecutive: 5}}}"),
                                {500}),
            20U);
}

io::Task<void> call_in_turn(HttpLab* lab, int count) {
  Client client(*lab, Way::outbound);
  for (int i = 0; i < count; ++i) {
    (void)co_await client.ask("/echo", "content-type: application/grpc\r\nte: trailers\r\n");
    (void)co_await lab->ring().sleep_for(10ms);
  }
}

TEST(Outliers, CallsOfGrpcAreJudgedByTheirTrailers) {
  const auto heads = [](const std::string& trailers) {
    HttpLab lab(
        kPlain + outliers(std::string("{") + kOften + "detectors: {totalFailures: {consecutive: 5}}}"),
        {.protocol = "grpc", .far_endpoints = 2});
    lab.application().trailers = trailers;
    lab.play(call_in_turn(&lab, 40));
    return lab.application().heads.size();
  };
  EXPECT_EQ(heads("grpc-status: 0\r\n"), 20U);
  EXPECT_EQ(heads("grpc-status: 14\r\n"), 5U);
  EXPECT_EQ(heads("grpc-status: 5\r\n"), 20U) << "NOT_FOUND is the caller's";
  EXPECT_EQ(heads("x-other: 1\r\n"), 5U) << "no status at all";
}

TEST(Outliers, HealthyPanicThresholdUsesThemAllTheSame) {
  const auto heads = [](const std::string& threshold) {
    HttpLab lab(
        outliers("{interval: 100ms, baseEjectionTime: 1h, maxEjectionPercent: 100, healthyPanicThreshold: " +
                 threshold + ", detectors: {totalFailures: {consecutive: 2}}}"),
        {.far_endpoints = 2});
    lab.far(0).always = lab.far(1).always = {500};
    std::vector<int> statuses;
    lab.play(ask_in_turn(&lab, 30, 10ms, &statuses));
    return lab.far(0).heads.size() + lab.far(1).heads.size();
  };
  EXPECT_EQ(heads("0"), 4U) << "then there is no healthy endpoint";
  EXPECT_EQ(heads("50"), 30U);
}

// The same at an inbound, where the application is the only endpoint: an ejected one is out of reach only
// when nobody panics, it is its only pool, it is never asked again, and it has no others to be compared with.
class InboundBreaker : public testing::TestWithParam<Side> {
 protected:
  static std::string with(const std::string& conf) { return on_side(GetParam(), "MeshCircuitBreaker", conf); }
  static Crowd limited(const std::string& conf) {
    HttpLab lab(with("{connectionLimits: " + conf + "}"));
    return crowd(lab, 6, "/wait/500", Way::inbound);
  }
  // How many of the requests the application got.
  static std::size_t got(const std::string& conf, const Application::Said& said, int count = 20,
                         Nanos pause = 10ms) {
    HttpLab lab(with("{outlierDetection: {" + conf + "}}"));
    lab.application().always = said;
    std::vector<int> out;
    lab.play(ask_in_turn(&lab, count, pause, &out, Way::inbound));
    return lab.application().heads.size();
  }
};

INSTANTIATE_TEST_SUITE_P(Sides, InboundBreaker, testing::Values(Side::rules, Side::from),
                         [](const auto& info) { return name_of(info.param); });

TEST_P(InboundBreaker, ConnectionLimits) {
  EXPECT_EQ(limited("{maxRequests: 2}").served, 2);
  HttpLab lab(with("{connectionLimits: {maxConnections: 2}}"));
  EXPECT_EQ(crowd(lab, 6, "/wait/500", Way::inbound).served, 6);
  EXPECT_EQ(lab.application().connections, 2);
  const Crowd waiting = limited("{maxConnections: 1, maxPendingRequests: 2}");
  EXPECT_LT(waiting.served, 6);
  EXPECT_GE(waiting.served, 2);
  // One pool and no retries are all that an inbound has.
  EXPECT_EQ(limited("{maxConnectionPools: 1, maxRetries: 1}").served, 6);
}

constexpr const char* kAlone =
    "interval: 100ms, baseEjectionTime: 1h, maxEjectionPercent: 100, healthyPanicThreshold: 0, ";

TEST_P(InboundBreaker, DetectorsOfFailuresInARow) {
  const std::string alone = kAlone;
  EXPECT_EQ(got(alone + "detectors: {totalFailures: {consecutive: 5}}", {500}), 5U);
  EXPECT_EQ(got(alone + "disabled: true, detectors: {totalFailures: {consecutive: 5}}", {500}), 20U);
  EXPECT_EQ(got(alone + "detectors: {gatewayFailures: {consecutive: 3}}", {503}), 3U);
  EXPECT_EQ(got(alone + "detectors: {gatewayFailures: {consecutive: 3}}", {500}), 20U);
}

io::Task<void> ask_unreachable(HttpLab* lab, std::vector<int>* statuses) {
  Client client(*lab, Way::inbound);
  EXPECT_TRUE(co_await client.connect());
  io::SimFaults faults;
  faults.unanswered = 1000;
  lab->sim().network().set_faults(faults);
  for (int i = 0; i < 20; ++i) statuses->push_back((co_await client.ask("/echo")).status);
}

TEST_P(InboundBreaker, LocalOriginFailuresAreApartWhenSplit) {
  const auto timed_out = [](const std::string& split) {
    HttpLab lab(
        with(std::string("{outlierDetection: {") + kAlone + "splitExternalAndLocalErrors: " + split +
             ", detectors: {localOriginFailures: {consecutive: 4}, totalFailures: {consecutive: 9}}}}") +
        on_side(GetParam(), "MeshTimeout", "{connectionTimeout: 1s}"));
    std::vector<int> statuses;
    lab.play(ask_unreachable(&lab, &statuses));
    return std::ranges::count(statuses, 504);
  };
  EXPECT_EQ(timed_out("true"), 4);
  EXPECT_EQ(timed_out("false"), 9);
}

TEST_P(InboundBreaker, FailurePercentage) {
  const auto failed = [](const std::string& detector, int status = 500) {
    return got(
        "interval: 1s, baseEjectionTime: 1h, maxEjectionPercent: 100, healthyPanicThreshold: 0, "
        "detectors: {failurePercentage: {" +
            detector + "}}",
        {status}, 200);
  };
  EXPECT_LT(failed("minimumHosts: 1, requestVolume: 10, threshold: 85"), 150U);
  EXPECT_EQ(failed("minimumHosts: 2, requestVolume: 10, threshold: 85"), 200U);
  EXPECT_EQ(failed("minimumHosts: 1, requestVolume: 1000, threshold: 85"), 200U);
  const auto half_failed = [](const std::string& threshold) {
    HttpLab lab(
        with("{outlierDetection: {interval: 1s, baseEjectionTime: 1h, maxEjectionPercent: 100, "
             "healthyPanicThreshold: 0, detectors: {failurePercentage: {minimumHosts: 1, "
             "requestVolume: 10, threshold: " +
             threshold + "}}}}"));
    for (int i = 0; i < 200; ++i) lab.application().next.push_back({i % 2 == 0 ? 500 : 200});
    std::vector<int> out;
    lab.play(ask_in_turn(&lab, 200, 10ms, &out, Way::inbound));
    return lab.application().heads.size();
  };
  EXPECT_EQ(half_failed("85"), 200U);
  EXPECT_LT(half_failed("40"), 150U);
}

TEST_P(InboundBreaker, SuccessRateHasNobodyToCompareWith) {
  EXPECT_EQ(got(std::string(kAlone) + "detectors: {successRate: {minimumHosts: 1, requestVolume: 5, "
                                      "standardDeviationFactor: '0.5'}}",
                {500}, 100),
            100U);
}

TEST_P(InboundBreaker, EjectionEndsAndHasBounds) {
  const auto failed = [](const std::string& times) {
    return got(times + ", healthyPanicThreshold: 0, detectors: {totalFailures: {consecutive: 5}}", {500}, 60,
               100ms);
  };
  EXPECT_EQ(failed("interval: 100ms, baseEjectionTime: 1h, maxEjectionPercent: 100"), 5U);
  EXPECT_GT(failed("interval: 100ms, baseEjectionTime: 1s, maxEjectionPercent: 100"), 5U);
  EXPECT_EQ(failed("interval: 1h, baseEjectionTime: 100ms, maxEjectionPercent: 100"), 5U);
  EXPECT_GT(failed("interval: 1s, baseEjectionTime: 100ms, maxEjectionPercent: 100"), 5U);
  EXPECT_EQ(failed("interval: 100ms, baseEjectionTime: 1h, maxEjectionPercent: 10"), 60U);
  EXPECT_EQ(got("interval: 100ms, baseEjectionTime: 1h, maxEjectionPercent: 100, detectors: {totalFailures: "
                "{consecutive: 5}}",
                {500}),
            20U)
      << "half of them is where panic begins";
}

}  // namespace
}  // namespace sluice::lab
