#include "upstream/retry.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice::upstream {
namespace {

using policy::RetryImage;
using policy::RetryOn;
using Kind = Outcome::Kind;

RetryImage on(std::initializer_list<RetryOn> what) {
  RetryImage image;
  image.retries = 1;
  for (const auto bit : what) image.on |= static_cast<std::uint32_t>(bit);
  return image;
}

std::set<int> statuses(const RetryImage& image) {
  std::set<int> set;
  for (int status = 100; status < 600; ++status) {
    if (is_retriable(image, {.status = static_cast<std::uint16_t>(status)})) set.insert(status);
  }
  return set;
}

std::set<Kind> kinds(const RetryImage& image) {
  std::set<Kind> set;
  for (const auto kind :
       {Kind::connect_failure, Kind::refused_stream, Kind::reset, Kind::try_timeout, Kind::overflow}) {
    if (is_retriable(image, {.kind = kind})) set.insert(kind);
  }
  return set;
}

const std::set<Kind> kAllResets = {Kind::connect_failure, Kind::refused_stream, Kind::reset,
                                   Kind::try_timeout};

TEST(Retry, EachConditionRetriesItsOwnAnswersAndNoOthers) {
  std::set<int> all_5xx;
  for (int status = 500; status < 600; ++status) all_5xx.insert(status);
  EXPECT_EQ(statuses(on({RetryOn::server_error})), all_5xx);
  EXPECT_EQ(statuses(on({RetryOn::gateway_error})), (std::set<int>{502, 503, 504}));
  EXPECT_EQ(statuses(on({RetryOn::retriable_4xx})), std::set<int>{409});
  EXPECT_EQ(statuses(on({RetryOn::reset, RetryOn::connect_failure, RetryOn::refused_stream})),
            std::set<int>{});
  auto chosen = on({});
  chosen.statuses = {418, 503};
  EXPECT_EQ(statuses(chosen), (std::set<int>{418, 503}));
  chosen.retries = 0;
  EXPECT_EQ(statuses(chosen), std::set<int>{});
}

TEST(Retry, EachConditionRetriesItsOwnFailures) {
  EXPECT_EQ(kinds(on({RetryOn::server_error})), kAllResets);
  EXPECT_EQ(kinds(on({RetryOn::gateway_error})), kAllResets);
  EXPECT_EQ(kinds(on({RetryOn::reset})), kAllResets);
  EXPECT_EQ(kinds(on({RetryOn::connect_failure})), std::set{Kind::connect_failure});
  EXPECT_EQ(kinds(on({RetryOn::refused_stream})), std::set{Kind::refused_stream});
  EXPECT_EQ(kinds(on({RetryOn::retriable_4xx, RetryOn::grpc_internal})), std::set<Kind>{});
}

TEST(Retry, GrpcStatuses) {
  const std::pair<RetryOn, std::uint32_t> table[] = {{RetryOn::grpc_cancelled, 1},
                                                     {RetryOn::grpc_deadline_exceeded, 4},
                                                     {RetryOn::grpc_resource_exhausted, 8},
                                                     {RetryOn::grpc_internal, 13},
                                                     {RetryOn::grpc_unavailable, 14}};
  for (const auto& [bit, wanted] : table) {
    for (std::uint32_t status = 0; status < 20; ++status) {
      EXPECT_EQ(is_retriable(on({bit}), {.status = 200, .grpc_status = status}), status == wanted);
    }
  }
}

TEST(Retry, ARateLimitedAnswerCountsOnlyAsThat) {
  const Outcome limited{.status = 503, .envoy_ratelimited = true};
  EXPECT_FALSE(is_retriable(on({RetryOn::server_error, RetryOn::gateway_error}), limited));
  EXPECT_TRUE(is_retriable(on({RetryOn::envoy_ratelimited}), limited));
  EXPECT_FALSE(is_retriable(on({RetryOn::envoy_ratelimited}), {.status = 503}));
}

TEST(Retry, HeadersOfTheAnswer) {
  EXPECT_TRUE(is_retriable(on({}), {.status = 200, .header_matches = true}));
  EXPECT_FALSE(is_retriable(on({}), {.status = 200}));
}

TEST(Retry, MethodsAndRequestHeadersAreAlternatives) {
  auto image = on({RetryOn::server_error});
  EXPECT_TRUE(retries_request(image, "POST", false));
  image.methods = {"GET", "HEAD"};
  EXPECT_TRUE(retries_request(image, "GET", false));
  EXPECT_FALSE(retries_request(image, "POST", false));
  image.request_headers.push_back({policy::TextMatch::Kind::present, "x-retry", ""});
  EXPECT_TRUE(retries_request(image, "POST", true));
  image.methods.clear();
  EXPECT_FALSE(retries_request(image, "GET", false));
  image.retries = 0;
  EXPECT_FALSE(retries_request(image, "GET", true));
}

// The largest of many draws comes close to the bound and none reaches it.
Nanos largest(const RetryImage& image, int step) {
  Nanos most{};
  Random random(7);
  for (int i = 0; i < 2000; ++i) {
    BackOff back_off(image);
    Nanos last{};
    for (int n = 0; n <= step; ++n) last = back_off.next(random);
    most = std::max(most, last);
  }
  return most;
}

TEST(BackOff, DoublesUpToTheMaximumWithFullJitter) {
  auto image = on({});
  image.backoff_base = Millis(100);
  image.backoff_max = Millis(300);
  const int bounds_ms[] = {100, 200, 300, 300};
  for (int step = 0; step < 4; ++step) {
    EXPECT_LT(largest(image, step), Millis(bounds_ms[step]));
    EXPECT_GT(largest(image, step), Millis(bounds_ms[step]) * 99 / 100);
  }
}

TEST(BackOff, DefaultsAre25MsAndTenTimesThat) {
  EXPECT_LT(largest(on({}), 0), Millis(25));
  EXPECT_GT(largest(on({}), 0), Millis(24));
  EXPECT_LT(largest(on({}), 9), Millis(250));
  EXPECT_GT(largest(on({}), 9), Millis(240));
}

TEST(BackOff, DoesWhatTheServerAsksWithinReason) {
  auto image = on({});
  image.reset_headers = {{"retry-after", false}, {"x-reset", true}};
  image.reset_max = std::chrono::seconds(60);
  Random random(1);
  const WallTime now{std::chrono::seconds(1'700'000'000)};
  std::string retry_after;
  std::string reset;
  const auto answer = [&](std::string_view name) -> std::optional<std::string_view> {
    const auto& value = name == "retry-after" ? retry_after : reset;
    return value.empty() ? std::nullopt : std::optional<std::string_view>(value);
  };
  const auto asked = [&](std::string_view seconds, std::string_view unix_time) {
    retry_after = seconds;
    reset = unix_time;
    return BackOff(image).next(random, answer, now);
  };
  for (int i = 0; i < 100; ++i) {
    const Nanos ten = asked("10", "");
    EXPECT_TRUE(ten >= std::chrono::seconds(10) && ten < std::chrono::seconds(15));
    const Nanos twenty = asked("", "1700000020");
    EXPECT_TRUE(twenty >= std::chrono::seconds(20) && twenty < std::chrono::seconds(30));
  }
  // Too long, past, not a number, or overflowing: the usual back-off.
  for (const char* odd : {"61", "-1", "ten", "10s", "9223372036854775807", "99999999999999999999"}) {
    EXPECT_LT(asked(odd, ""), Millis(25)) << odd;
  }
  EXPECT_LT(asked("", "1699999999"), Millis(25));
  EXPECT_LT(asked("", "9223372036854775807"), Millis(25));
}

}  // namespace
}  // namespace sluice::upstream
