// MeshRetry, from documents to what clients and applications see.
#include <chrono>

#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

io::Task<void> ask_once(HttpLab* lab, std::string fields, std::string body, Client::Answer* out) {
  Client client(*lab, Way::outbound);
  *out = co_await client.ask("/echo", std::move(fields), std::move(body));
}

Client::Answer asked(HttpLab& lab, const std::string& fields = {}, const std::string& body = {}) {
  Client::Answer out;
  lab.play(ask_once(&lab, fields, body, &out));
  return out;
}

std::string retry(const std::string& http) {
  return towards("MeshRetry", "far",
                 "{http: {backOff: {baseInterval: 10ms, maxInterval: 40ms}, " + http + "}}");
}

void say(HttpLab& lab, int times, const Application::Said& said) {
  for (int i = 0; i < times; ++i) lab.application().next.push_back(said);
}

// The status of one request whose first `times` attempts get `said`.
int status_after(const std::string& policies, int times, const Application::Said& said,
                 const std::string& fields = {}) {
  HttpLab lab(policies);
  say(lab, times, said);
  return asked(lab, fields).status;
}

TEST(Retry, NumRetriesIsHowOften) {
  EXPECT_EQ(status_after("", 1, {503}), 503);
  const std::string twice = retry("numRetries: 2, retryOn: [5xx]");
  EXPECT_EQ(status_after(twice, 2, {503}), 200);
  EXPECT_EQ(status_after(twice, 3, {503}), 503);
  HttpLab lab(twice);
  say(lab, 2, {503});
  EXPECT_EQ(asked(lab, {}, "a body").status, 200);
  EXPECT_EQ(lab.application().heads.size(), 3U);
  EXPECT_EQ(lab.value(Metric::request_retries), 2);
}

TEST(Retry, RetryOnNamesWhatIsTriedAgain) {
  const auto on = [](const std::string& what) { return retry("numRetries: 1, retryOn: [" + what + "]"); };
  const Application::Said reset{Application::kReset};
  struct Case {
    const char* what;
    Application::Said said;
    bool retried;
  };
  for (const Case& one :
       {Case{"5xx", {500}, true}, Case{"5xx", {404}, false}, Case{"5xx", reset, true},
        Case{"GatewayError", {502}, true}, Case{"GatewayError", {500}, false}, Case{"Reset", reset, true},
        Case{"Reset", {503}, false}, Case{"Retriable4xx", {409}, true}, Case{"Retriable4xx", {404}, false},
        Case{"ConnectFailure", {503}, false}, Case{"ConnectFailure", reset, false},
        Case{"'429'", {429}, true}, Case{"'429'", {503}, false},
        Case{"EnvoyRatelimited", {429, "x-envoy-ratelimited: true\r\n"}, true},
        Case{"EnvoyRatelimited", {429}, false}}) {
    const int status = status_after(on(one.what), 1, one.said);
    EXPECT_EQ(status == 200, one.retried) << one.what << " " << one.said.status << ": " << status;
  }
}

TEST(Retry, ConnectFailureGoesToAnotherEndpoint) {
  for (const bool retried : {false, true}) {
    int served = 0;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      HttpLab lab(retried ? retry("numRetries: 3, retryOn: [ConnectFailure], hostSelection: [{predicate: "
                                  "OmitPreviousHosts}]")
                          : towards("MeshTimeout", "far", "{http: {requestTimeout: 10s}}"),
                  {.seed = seed, .far_endpoints = 2, .down = {0}});
      served += asked(lab).status == 200;
    }
    EXPECT_EQ(served == 8, retried) << served << " of 8";
  }
}

TEST(Retry, MethodsAreNamed) {
  const std::string gets = retry("numRetries: 1, retryOn: ['503', HttpMethodGet]");
  HttpLab get(gets);
  say(get, 1, {503});
  EXPECT_EQ(asked(get).status, 200);
  HttpLab post(gets);
  say(post, 1, {503});
  EXPECT_EQ(asked(post, {}, "a body").status, 503);
}

TEST(Retry, PerTryTimeoutEndsAnAttempt) {
  HttpLab lab(retry("numRetries: 1, perTryTimeout: 200ms, retryOn: [5xx]"));
  lab.application().next.push_back({.after = 10s});
  const auto answer = asked(lab);
  EXPECT_EQ(answer.status, 200);
  EXPECT_GE(answer.took, 200ms);
  EXPECT_LT(answer.took, 300ms);
}

TEST(Retry, BackOffWaitsUpToTwiceAsLongEachTime) {
  const auto took = [](const std::string& back_off) {
    HttpLab lab(
        towards("MeshRetry", "far", "{http: {numRetries: 3, retryOn: [5xx], backOff: " + back_off + "}}"));
    say(lab, 3, {503});
    const auto answer = asked(lab);
    EXPECT_EQ(answer.status, 200);
    return answer.took;
  };
  EXPECT_LT(took("{baseInterval: 1ms, maxInterval: 2ms}"), 7ms);
  EXPECT_GT(took("{baseInterval: 1s, maxInterval: 60s}"), 1s);
  EXPECT_LT(took("{baseInterval: 1s, maxInterval: 1s}"), 3s);
}

TEST(Retry, RateLimitedBackOffWaitsAsLongAsTheServerAsks) {
  const auto took = [](const std::string& limited, const std::string& fields) {
    HttpLab lab(retry("numRetries: 1, retryOn: ['429'], rateLimitedBackOff: " + limited));
    lab.application().next.push_back({429, fields});
    const auto answer = asked(lab);
    EXPECT_EQ(answer.status, 200);
    return answer.took;
  };
  const std::string seconds = "{maxInterval: 20s, resetHeaders: [{name: retry-after, format: Seconds}]}";
  EXPECT_GE(took(seconds, "retry-after: 3\r\n"), 3s);
  EXPECT_LT(took(seconds, "retry-after: 3\r\n"), 5s);
  EXPECT_LT(took(seconds, "retry-after: 30\r\n"), 1s) << "longer than maxInterval";
  EXPECT_LT(took(seconds, "other: 3\r\n"), 1s);
  const std::string time = "{maxInterval: 20s, resetHeaders: [{name: x-reset, format: UnixTimestamp}]}";
  EXPECT_LT(took(time, "x-reset: 3\r\n"), 20s);
}

io::Task<void> ask_at(HttpLab* lab, Nanos start, std::int64_t reset_in, Client::Answer* out) {
  (void)co_await lab->ring().sleep_for(start);
  const auto now = std::chrono::floor<std::chrono::seconds>(lab->ring().now().time_since_epoch()).count();
  lab->application().next.push_back({429, "x-reset: " + std::to_string(now + reset_in) + "\r\n"});
  Client client(*lab, Way::outbound);
  *out = co_await client.ask("/echo");
}

TEST(Retry, ResetHeadersCanSayATime) {
  const auto took = [](const std::string& format) {
    HttpLab lab(
        retry("numRetries: 1, retryOn: ['429'], rateLimitedBackOff: {maxInterval: 20s, resetHeaders: "
              "[{name: x-reset, format: " +
              format + "}]}"));
    Client::Answer out;
    lab.play(ask_at(&lab, 1000s, 9, &out));
    EXPECT_EQ(out.status, 200);
    return out.took;
  };
  EXPECT_GE(took("UnixTimestamp"), 8s);
  EXPECT_LT(took("UnixTimestamp"), 15s);
  EXPECT_LT(took("Seconds"), 1s) << "longer than maxInterval";
}

TEST(Retry, HeadersAreComparedByTheirType) {
  struct Case {
    const char* condition;
    const char* value;  // null: there is no such header
    bool holds;
  };
  for (const Case& one :
       {Case{"type: Exact, value: 'yes'", "yes", true}, Case{"type: Exact, value: 'yes'", "yes, do", false},
        Case{"type: Prefix, value: 'yes'", "yes, do", true}, Case{"type: Prefix, value: 'yes'", "no", false},
        Case{"type: RegularExpression, value: 'y.*o'", "yes, do", true},
        Case{"type: RegularExpression, value: 'y.*o'", "no", false}, Case{"type: Present", "no", true},
        Case{"type: Present", nullptr, false}, Case{"type: Absent", "yes", false},
        Case{"type: Absent", nullptr, true}}) {
    const std::string header = "[{name: x-try, " + std::string(one.condition) + "}]";
    const std::string field = one.value == nullptr ? "" : std::string("x-try: ") + one.value + "\r\n";
    const std::string answers = retry("numRetries: 1, retryOn: ['501'], retriableResponseHeaders: " + header);
    EXPECT_EQ(status_after(answers, 1, {404, field}) == 200, one.holds) << one.condition << " " << field;
    const std::string requests = retry("numRetries: 1, retryOn: [5xx], retriableRequestHeaders: " + header);
    EXPECT_EQ(status_after(requests, 1, {503}, field) == 200, one.holds) << one.condition << " " << field;
  }
}

TEST(Retry, HeadersOfAnswersAndRequests) {
  const std::string again = retry(
      "numRetries: 1, retryOn: ['501'], retriableResponseHeaders: [{type: Exact, name: x-again, value: "
      "'yes'}]");
  EXPECT_EQ(status_after(again, 1, {404, "x-again: yes\r\n"}), 200);
  EXPECT_EQ(status_after(again, 1, {404, "x-again: no\r\n"}), 404);
  const std::string asked_for = retry(
      "numRetries: 1, retryOn: [5xx], retriableRequestHeaders: [{type: Exact, name: x-try, value: 'yes'}]");
  EXPECT_EQ(status_after(asked_for, 1, {503}, "x-try: yes\r\n"), 200);
  EXPECT_EQ(status_after(asked_for, 1, {503}), 503);
}

TEST(Retry, OmitPreviousHostsTriesAnother) {
  HttpLab lab(retry("numRetries: 1, retryOn: [5xx], hostSelection: [{predicate: OmitPreviousHosts}]"),
              {.far_endpoints = 2});
  lab.application().always = {503};
  EXPECT_EQ(asked(lab).status, 200);
  EXPECT_LE(lab.application().heads.size(), 1U);
  EXPECT_EQ(lab.far(1).heads.size(), 1U);
}

TEST(Retry, OmitHostsWithTagsTriesOnlyOthers) {
  HttpLab lab(retry("numRetries: 1, retryOn: [5xx], hostSelectionMaxAttempts: 5, "
                    "hostSelection: [{predicate: OmitHostsWithTags, tags: {version: v1}}]"),
              {.far_endpoints = 3});
  for (std::size_t i = 0; i < 3; ++i) lab.far(i).next.push_back({503});
  lab.application().always = {503};
  EXPECT_EQ(asked(lab).status, 503) << "the first attempt and its retry meet an endpoint's first answer";
  EXPECT_LE(lab.application().heads.size(), 1U);
}

// Where the attempts of one request that always fails go: without luck, every pick is far's first endpoint.
std::size_t attempts_at_v1(const std::string& selection) {
  std::size_t out = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    HttpLab lab(retry("numRetries: 4, retryOn: [5xx]" + selection), {.seed = seed, .far_endpoints = 2});
    for (std::size_t i = 0; i < 2; ++i) lab.far(i).always = {503};
    EXPECT_EQ(asked(lab).status, 503);
    EXPECT_EQ(lab.far(0).heads.size() + lab.far(1).heads.size(), 5U);
    out += lab.far(0).heads.size();
  }
  return out;
}

TEST(Retry, TagsSayWhichHostsAreOmitted) {
  const auto omit = [](const std::string& tags) {
    return attempts_at_v1(
        ", hostSelectionMaxAttempts: 50, hostSelection: [{predicate: OmitHostsWithTags, tags: " + tags +
        "}]");
  };
  EXPECT_LE(omit("{version: v1}"), 10U) << "first attempts at most";
  EXPECT_GE(omit("{version: v2}"), 40U);
  EXPECT_GE(omit("{version: v3}"), 15U);
}

TEST(Retry, HostSelectionMaxAttemptsIsHowOftenAnotherIsSought) {
  const auto at_v1 = [](const std::string& attempts) {
    std::size_t out = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      HttpLab lab(towards("MeshLoadBalancingStrategy", "far",
                          "{loadBalancer: {type: Random}, localityAwareness: {disabled: true}}") +
                      retry("numRetries: 4, retryOn: [5xx], hostSelection: [{predicate: OmitHostsWithTags, "
                            "tags: {version: v1}}]" +
                            attempts),
                  {.seed = seed, .far_endpoints = 2});
      for (std::size_t i = 0; i < 2; ++i) lab.far(i).always = {503};
      EXPECT_EQ(asked(lab).status, 503);
      out += lab.far(0).heads.size();
    }
    return out;
  };
  const std::size_t first_attempts = at_v1(", hostSelectionMaxAttempts: 50");
  EXPECT_LE(first_attempts, 20U);
  EXPECT_GE(at_v1(", hostSelectionMaxAttempts: 1"), first_attempts + 5)
      << "one more look is not always enough";
  EXPECT_EQ(at_v1(", hostSelectionMaxAttempts: 4294967295"), first_attempts);
  EXPECT_LE(at_v1(""), 20U) << "nothing said: as often as it takes";
}

// far and far-2 are of the client's zone and fail; the others, of the next priority, do not.
int when_the_zone_fails(const std::string& retries, const std::string& selection) {
  int status = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    HttpLab lab(retry("numRetries: " + retries + ", retryOn: [5xx]" + selection),
                {.seed = seed, .far_endpoints = 4});
    for (std::size_t i = 0; i < 2; ++i) lab.far(i).always = {503};
    status = std::max(status, asked(lab).status);
  }
  return status;
}

TEST(Retry, OmitPreviousPrioritiesTriesAnother) {
  const auto after = [](const std::string& frequency) {
    return ", hostSelection: [{predicate: OmitPreviousPriorities, updateFrequency: " + frequency + "}]";
  };
  EXPECT_EQ(when_the_zone_fails("1", ""), 503);
  EXPECT_EQ(when_the_zone_fails("1", after("1")), 200);
  EXPECT_EQ(when_the_zone_fails("1", after("2")), 503) << "only after two attempts";
  EXPECT_EQ(when_the_zone_fails("2", after("2")), 200);
}

TEST(Retry, WhatWasAnsweredIsNotTriedAgain) {
  HttpLab lab(retry("numRetries: 3, retryOn: [5xx, Reset]"));
  say(lab, 1, {503, "x-envoy-overloaded: true\r\n"});
  EXPECT_EQ(asked(lab).status, 503);
  EXPECT_EQ(lab.application().heads.size(), 1U);
}

TEST(RetryGrpc, StatusInAnAnswerWithoutBody) {
  const auto heads = [](const std::string& conf) {
    HttpLab lab(towards("MeshRetry", "far", "{grpc: " + conf + "}"), {.protocol = "grpc"});
    lab.application().next.push_back({14});
    Client::Answer out = asked(lab, "content-type: application/grpc\r\nte: trailers\r\n");
    EXPECT_EQ(out.status, 200);
    return lab.application().heads.size();
  };
  const std::string fast = ", backOff: {baseInterval: 1ms, maxInterval: 2ms}}";
  EXPECT_EQ(heads("{numRetries: 1, retryOn: [Unavailable]" + fast), 2U);
  EXPECT_EQ(heads("{numRetries: 1, retryOn: [Internal]" + fast), 1U);
}

struct Called {
  std::size_t attempts = 0;
  Nanos took{};
  int status = 0;
};

// A call whose first attempts get these.
Called called(const std::string& conf, const std::vector<Application::Said>& said) {
  HttpLab lab(towards("MeshRetry", "far", "{grpc: {" + conf + "}}"), {.protocol = "grpc"});
  for (const auto& one : said) lab.application().next.push_back(one);
  const auto out = asked(lab, "content-type: application/grpc\r\nte: trailers\r\n");
  const auto grpc = out.field("grpc-status");
  return {lab.application().heads.size(), out.took, grpc.empty() ? 0 : std::stoi(grpc)};
}

TEST(RetryGrpc, NumRetriesIsHowOften) {
  const std::vector<Application::Said> unavailable(5, {14});
  EXPECT_EQ(called("numRetries: 1, retryOn: [Unavailable]", unavailable).attempts, 2U);
  EXPECT_EQ(called("numRetries: 3, retryOn: [Unavailable]", unavailable).attempts, 4U);
}

TEST(RetryGrpc, PerTryTimeoutEndsAnAttempt) {
  const auto with = [](const std::string& more) { return called("numRetries: 1" + more, {{0, "", 5s}}); };
  EXPECT_GE(with("").took, 5s);
  const Called quick = with(", perTryTimeout: 200ms");
  EXPECT_EQ(quick.attempts, 2U);
  EXPECT_LT(quick.took, 1s);
}

TEST(RetryGrpc, BackOffWaitsUpToTwiceAsLongEachTime) {
  const auto took = [](const std::string& back_off) {
    const Called out =
        called("numRetries: 3, retryOn: [Unavailable], backOff: " + back_off, {{14}, {14}, {14}});
    EXPECT_EQ(out.attempts, 4U);
    return out.took;
  };
  EXPECT_LT(took("{baseInterval: 1ms, maxInterval: 2ms}"), 7ms);
  EXPECT_GT(took("{baseInterval: 1s, maxInterval: 60s}"), 1s);
  EXPECT_LT(took("{baseInterval: 1s, maxInterval: 1s}"), 3s);
}

TEST(RetryGrpc, RateLimitedBackOffWaitsAsLongAsTheServerAsks) {
  const auto took = [](const std::string& limited, const std::string& fields) {
    const Called out =
        called("numRetries: 1, retryOn: [ResourceExhausted], rateLimitedBackOff: " + limited, {{8, fields}});
    EXPECT_EQ(out.attempts, 2U);
    return out.took;
  };
  const std::string seconds = "{maxInterval: 20s, resetHeaders: [{name: retry-after, format: Seconds}]}";
  EXPECT_GE(took(seconds, "retry-after: 3\r\n"), 3s);
  EXPECT_LT(took(seconds, "retry-after: 30\r\n"), 1s) << "longer than maxInterval";
  EXPECT_LT(took(seconds, "other: 3\r\n"), 1s);
  const std::string time = "{maxInterval: 20s, resetHeaders: [{name: retry-after, format: UnixTimestamp}]}";
  EXPECT_LT(took(time, "retry-after: 3\r\n"), 3s) << "so early is no time to come";
}

io::Task<void> connect_once(HttpLab* lab, int* served) {
  Client client(*lab, Way::bytes);
  *served += (co_await client.ask("/echo")).status == 200;
}

TEST(RetryTcp, MaxConnectAttemptIsHowOften) {
  const auto served = [](const std::string& policies) {
    int count = 0;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      HttpLab lab(policies, {.seed = seed, .far_endpoints = 2, .down = {0}});
      lab.play(connect_once(&lab, &count));
    }
    return count;
  };
  EXPECT_LT(served(towards("MeshRetry", "db", "{tcp: {maxConnectAttempt: 1}}")), 8);
  EXPECT_EQ(served(towards("MeshRetry", "db", "{tcp: {maxConnectAttempt: 2}}")), 8);
}

}  // namespace
}  // namespace sluice::lab
