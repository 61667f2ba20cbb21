// MeshRateLimit, from documents to what clients see.
#include <chrono>

#include "policy/kinds/check.h"
#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

io::Task<void> ask_times(HttpLab* lab, Way way, int times, Nanos between, std::vector<Client::Answer>* out) {
  Client client(*lab, way);
  for (int i = 0; i < times; ++i) {
    out->push_back(co_await client.ask("/echo"));
    (void)co_await lab->ring().sleep_for(between);
  }
}

std::vector<int> statuses(const std::vector<Client::Answer>& answers) {
  std::vector<int> out;
  for (const auto& one : answers) out.push_back(one.status);
  return out;
}

std::vector<Client::Answer> asked(HttpLab& lab, Way way, int times, Nanos between = 1ms) {
  std::vector<Client::Answer> out;
  lab.play(ask_times(&lab, way, times, between, &out));
  return out;
}

const std::string kTwoASecond = R"(
    - default: {local: {http: {requestRate: {num: 2, interval: 1s}}}}
)";

TEST(RequestRate, RefusesWhatIsAboveNumInInterval) {
  HttpLab lab(at_api("MeshRateLimit", kTwoASecond));
  const auto answers = asked(lab, Way::inbound, 4);
  EXPECT_EQ(statuses(answers), (std::vector<int>{200, 200, 429, 429}));
  EXPECT_EQ(answers[2].field("x-envoy-ratelimited"), "true");
  EXPECT_EQ(answers[2].body, "local_rate_limited");
  EXPECT_EQ(answers[0].field("x-envoy-ratelimited"), "");
  EXPECT_EQ(lab.application().heads.size(), 2U);
  EXPECT_EQ(lab.value(Metric::requests_rate_limited), 2);
  EXPECT_EQ(lab.count(Reason::rate_limited), 2U);
  const FlightRow row = lab.last_request();
  EXPECT_EQ(row.reason, static_cast<std::uint8_t>(Reason::rate_limited));
  EXPECT_EQ(row.http_status, 429);
  EXPECT_TRUE(std::string_view(row.rule).starts_with("MeshRateLimit/at-api (lab.yaml:")) << row.rule;
}

TEST(RequestRate, FillsUpWithTheInterval) {
  HttpLab lab(at_api("MeshRateLimit", kTwoASecond));
  EXPECT_EQ(statuses(asked(lab, Way::inbound, 6, 500ms)), std::vector<int>(6, 200));
  HttpLab slow(at_api("MeshRateLimit", R"(
    - default: {local: {http: {requestRate: {num: 2, interval: 10s}}}}
)"));
  EXPECT_EQ(statuses(asked(slow, Way::inbound, 6, 500ms)), (std::vector<int>{200, 200, 429, 429, 429, 429}));
}

TEST(RequestRate, AnswersAsOnRateLimitSays) {
  HttpLab lab(at_api("MeshRateLimit", R"(
    - default:
        local:
          http:
            requestRate: {num: 1, interval: 1s}
            onRateLimit:
              status: 503
              headers:
                set: [{name: x-limited, value: "yes"}, {name: x-envoy-ratelimited, value: "mine"}]
                add: [{name: retry-after, value: "1"}]
)"));
  const auto answers = asked(lab, Way::inbound, 2);
  EXPECT_EQ(statuses(answers), (std::vector<int>{200, 503}));
  EXPECT_EQ(answers[1].field("x-limited"), "yes");
  EXPECT_EQ(answers[1].field("retry-after"), "1");
  EXPECT_TRUE(answers[1].head.contains("x-envoy-ratelimited: mine\r\n")) << answers[1].head;
}

TEST(RequestRate, IsLiftedByDisabled) {
  HttpLab lab(at_api("MeshRateLimit", R"(
    - default: {local: {http: {disabled: true, requestRate: {num: 1, interval: 1s}}}}
)"));
  EXPECT_EQ(statuses(asked(lab, Way::inbound, 3)), std::vector<int>(3, 200));
}

TEST(RequestRate, IsOfTheNarrowestMatch) {
  const std::string rules = R"(
    - default: {local: {http: {requestRate: {num: 1, interval: 1s}}}}
    - matches: [{spiffeID: {type: Exact, value: "spiffe://default/SERVICE"}}]
      default: {local: {http: {requestRate: {num: 3, interval: 1s}}}}
)";
  const auto with = [&rules](const std::string& service) {
    std::string text = rules;
    text.replace(text.find("SERVICE"), 7, service);
    return at_api("MeshRateLimit", text);
  };
  HttpLab matching(with("web"), {.mtls = true});
  EXPECT_EQ(statuses(asked(matching, Way::same_node, 4)), (std::vector<int>{200, 200, 200, 429}));
  HttpLab other(with("job"), {.mtls = true});
  EXPECT_EQ(statuses(asked(other, Way::same_node, 2)), (std::vector<int>{200, 429}));
}

io::Task<void> ask_across_tables(HttpLab* lab, std::string same, std::string changed, std::vector<int>* out) {
  Client client(*lab, Way::inbound);
  for (int i = 0; i < 3; ++i) out->push_back((co_await client.ask("/echo")).status);
  lab->put_into_force(same);
  out->push_back((co_await client.ask("/echo")).status);
  lab->put_into_force(changed);
  out->push_back((co_await client.ask("/echo")).status);
}

TEST(RequestRate, ItsBucketOutlivesATableAndNotItsFigures) {
  const std::string policy = at_api("MeshRateLimit", kTwoASecond);
  const std::string moved = towards("MeshTimeout", "far", "{connectionTimeout: 3s}") + policy;
  const std::string changed = at_api("MeshRateLimit", R"(
    - default: {local: {http: {requestRate: {num: 3, interval: 1s}}}}
)");
  HttpLab lab(policy);
  std::vector<int> out;
  lab.play(ask_across_tables(&lab, moved, changed, &out));
  EXPECT_EQ(out, (std::vector<int>{200, 200, 429, 429, 200}));
}

io::Task<void> connect_times(HttpLab* lab, Way way, int times, Nanos between, std::vector<int>* out) {
  for (int i = 0; i < times; ++i) {
    Client client(*lab, way);
    out->push_back((co_await client.ask("/echo")).status);
    out->push_back((co_await client.ask("/echo")).status);
    (void)co_await lab->ring().sleep_for(between);
  }
}

TEST(ConnectionRate, RefusesConnectionsAndNotTheirRequests) {
  const std::string policy = at_api("MeshRateLimit", R"(
    - default: {local: {tcp: {connectionRate: {num: 2, interval: 1s}}}}
)");
  for (const char* protocol : {"tcp", "http"}) {
    for (const Way way : {Way::inbound, Way::same_node}) {
      HttpLab lab(policy, {.protocol = protocol});
      std::vector<int> out;
      lab.play(connect_times(&lab, way, 3, 1ms, &out));
      EXPECT_EQ(out, (std::vector<int>{200, 200, 200, 200, 0, 0})) << protocol;
      const auto direction = way == Way::inbound ? Direction::inbound : Direction::outbound;
      const FlightRow row = lab.last_connection(direction);
      EXPECT_EQ(row.reason, static_cast<std::uint8_t>(Reason::rate_limited));
      EXPECT_TRUE(std::string_view(row.rule).starts_with("MeshRateLimit/at-api")) << row.rule;
      HttpLab slower(policy, {.protocol = protocol});
      out.clear();
      slower.play(connect_times(&slower, way, 3, 500ms, &out));
      EXPECT_EQ(out, std::vector<int>(6, 200)) << protocol;
    }
  }
}

TEST(ConnectionRate, IsLiftedByDisabled) {
  HttpLab lab(at_api("MeshRateLimit", R"(
    - default: {local: {tcp: {disabled: true, connectionRate: {num: 1, interval: 1s}}}}
)"));
  std::vector<int> out;
  lab.play(connect_times(&lab, Way::inbound, 3, 1ms, &out));
  EXPECT_EQ(out, std::vector<int>(6, 200));
}

std::string from_everybody(const std::string& local) {
  return on_side(Side::from, "MeshRateLimit", "{local: " + local + "}");
}

TEST(RateLimitFrom, OfRequests) {
  const auto told = [](const std::string& http, Nanos between = 1ms) {
    HttpLab lab(from_everybody("{http: {" + http + "}}"));
    return asked(lab, Way::inbound, 4, between);
  };
  EXPECT_EQ(statuses(told("requestRate: {num: 2, interval: 1s}")), (std::vector<int>{200, 200, 429, 429}));
  EXPECT_EQ(statuses(told("requestRate: {num: 2, interval: 1s}", 500ms)), std::vector<int>(4, 200));
  EXPECT_EQ(statuses(told("requestRate: {num: 2, interval: 10s}", 500ms)),
            (std::vector<int>{200, 200, 429, 429}));
  EXPECT_EQ(statuses(told("disabled: true, requestRate: {num: 1, interval: 1s}")), std::vector<int>(4, 200));
  const auto answer = told(
      "requestRate: {num: 1, interval: 1s}, onRateLimit: {status: 503, headers: "
      "{set: [{name: x-set, value: a}], add: [{name: x-add, value: b}]}}")[1];
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.field("x-set"), "a");
  EXPECT_EQ(answer.field("x-add"), "b");
}

TEST(RateLimitFrom, OfConnections) {
  const auto told = [](const std::string& tcp, Nanos between = 1ms) {
    HttpLab lab(from_everybody("{tcp: {" + tcp + "}}"));
    std::vector<int> out;
    lab.play(connect_times(&lab, Way::inbound, 3, between, &out));
    return out;
  };
  const std::vector<int> third_refused{200, 200, 200, 200, 0, 0};
  EXPECT_EQ(told("connectionRate: {num: 2, interval: 1s}"), third_refused);
  EXPECT_EQ(told("connectionRate: {num: 2, interval: 1s}", 500ms), std::vector<int>(6, 200));
  EXPECT_EQ(told("connectionRate: {num: 2, interval: 10s}", 500ms), third_refused);
  EXPECT_EQ(told("disabled: true, connectionRate: {num: 2, interval: 1s}"), std::vector<int>(6, 200));
}

// Built-in gateways are not served.
TEST(RateLimitTo, IsForGateways) {
  const auto with = [](const std::string& top) {
    return "type: MeshRateLimit\nname: out\nmesh: default\nspec:\n  targetRef: " + top +
           "\n  to: [{targetRef: {kind: Mesh}, default: {local: {http: {requestRate: {num: 1, interval: "
           "1h}}}}}]\n---\n";
  };
  EXPECT_TRUE(
      policy::check_text(with("{kind: MeshService, name: web}"), "limits.yaml").diagnostics.has_errors());
  HttpLab lab(with("{kind: Mesh}"));
  EXPECT_EQ(statuses(asked(lab, Way::outbound, 3)), std::vector<int>(3, 200));
}

}  // namespace
}  // namespace sluice::lab
