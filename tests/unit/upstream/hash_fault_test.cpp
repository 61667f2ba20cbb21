#include <gtest/gtest.h>

#include <map>

#include "cluster_of.h"
#include "upstream/fault.h"
#include "upstream/hash.h"
#include "upstream/hash_key.h"

namespace sluice::upstream {
namespace {

using policy::HashPolicy;

// Published vectors of XXH64.
TEST(Hash, Xxh64) {
  EXPECT_EQ(xxh64(""), 0xef46db3751d8e999ULL);
  EXPECT_EQ(xxh64("a"), 0xd24ec4f1a98c6e5bULL);
  EXPECT_EQ(xxh64("abc"), 0x44bc2cf5ad770999ULL);
  EXPECT_EQ(xxh64("Nobody inspects the spammish repetition"), 0xfbcea83c8a378bf1ULL);
}

// libstdc++ hashes strings by the same function.
TEST(Hash, MurmurIsTheLibrarys) {
  std::string text;
  for (int size = 0; size < 40; ++size) {
    EXPECT_EQ(murmur64(text), std::hash<std::string>{}(text)) << size;
    text += static_cast<char>('a' + size);
  }
}

struct Fields final : policy::HeaderFields {
  std::map<std::string, std::string, std::less<>> values;
  std::optional<std::string_view> find(std::string_view name) const override {
    const auto value = values.find(name);
    return value == values.end() ? std::nullopt : std::optional<std::string_view>(value->second);
  }
};

HashPolicy policy_of(HashPolicy::Kind kind, std::string name = {}, bool terminal = false) {
  HashPolicy policy;
  policy.kind = kind;
  policy.name = std::move(name);
  policy.terminal = terminal;
  return policy;
}

TEST(HashKey, EachKindReadsItsPart) {
  Random random(1);
  Fields fields;
  fields.values = {{"x-user", "ada"}, {"cookie", "a=1; session=\"xyz\";b=2"}};
  const HashSource source{"/p?q=1&user=ada&user=bob", &fields, ClientAddr(*SocketAddr::parse("10.0.0.9:4"))};
  const auto one = [&](HashPolicy policy) { return hash_key(std::span(&policy, 1), source, random).hash; };
  EXPECT_EQ(one(policy_of(HashPolicy::Kind::header, "x-user")), xxh64("ada"));
  EXPECT_EQ(one(policy_of(HashPolicy::Kind::header, "x-none")), std::nullopt);
  EXPECT_EQ(one(policy_of(HashPolicy::Kind::cookie, "session")), xxh64("xyz"));
  EXPECT_EQ(one(policy_of(HashPolicy::Kind::cookie, "sess")), std::nullopt);
  EXPECT_EQ(one(policy_of(HashPolicy::Kind::query, "user")), xxh64("ada"));
  EXPECT_EQ(one(policy_of(HashPolicy::Kind::query, "use")), std::nullopt);
  EXPECT_EQ(one(policy_of(HashPolicy::Kind::source_ip)), xxh64("10.0.0.9"));
  EXPECT_EQ(one(policy_of(HashPolicy::Kind::filter_state, "k")), std::nullopt);
}

TEST(HashKey, PoliciesCombineUntilATerminalOneHasAHash) {
  Random random(1);
  Fields fields;
  fields.values = {{"a", "1"}, {"b", "2"}};
  const HashSource source{"/", &fields, ClientAddr()};
  std::vector<HashPolicy> list = {policy_of(HashPolicy::Kind::header, "a"),
                                  policy_of(HashPolicy::Kind::header, "b")};
  EXPECT_EQ(hash_key(list, source, random).hash, std::rotl(xxh64("1"), 1) ^ xxh64("2"));
  list[0].terminal = true;
  EXPECT_EQ(hash_key(list, source, random).hash, xxh64("1"));
  list[0].name = "none";
  EXPECT_EQ(hash_key(list, source, random).hash, xxh64("2"));
}

TEST(HashKey, MakesACookieThatTheNextRequestIsHashedBy) {
  Random random(1);
  Fields fields;
  const HashSource source{"/", &fields, ClientAddr()};
  auto policy = policy_of(HashPolicy::Kind::cookie, "lb");
  EXPECT_EQ(hash_key(std::span(&policy, 1), source, random).set_cookie, "");
  policy.make = true;
  policy.ttl = std::chrono::minutes(2);
  policy.path = "/shop";
  const auto made = hash_key(std::span(&policy, 1), source, random);
  ASSERT_TRUE(made.hash.has_value());
  EXPECT_TRUE(made.set_cookie.starts_with("lb=\""));
  EXPECT_TRUE(made.set_cookie.ends_with("\"; Max-Age=120; Path=/shop; HttpOnly")) << made.set_cookie;
  fields.values["cookie"] = made.set_cookie.substr(0, made.set_cookie.find(';'));
  const auto again = hash_key(std::span(&policy, 1), source, random);
  EXPECT_EQ(again.hash, made.hash);
  EXPECT_EQ(again.set_cookie, "");
  fields.values.clear();
  policy.ttl = {};
  const auto of_the_session = hash_key(std::span(&policy, 1), source, random);
  EXPECT_TRUE(of_the_session.hash.has_value());
  EXPECT_TRUE(of_the_session.set_cookie.ends_with("\"; Path=/shop; HttpOnly")) << of_the_session.set_cookie;
}

TEST(Fault, DiceFollowTheirShares) {
  Random random(5);
  const policy::Fault fault{503, 250'000, Millis(10), 500'000, 100, 100'000};
  int aborted = 0, delayed = 0, shaped = 0;
  for (int i = 0; i < 10'000; ++i) {
    FaultPlan plan;
    plan.add(fault, random);
    aborted += plan.abort_status == 503;
    delayed += plan.delay == Millis(10);
    shaped += plan.bandwidth_kbps == 100;
  }
  EXPECT_NEAR(aborted, 2500, 150);
  EXPECT_NEAR(delayed, 5000, 170);
  EXPECT_NEAR(shaped, 750, 100);  // a tenth of those that were not aborted
}

TEST(Fault, RulesAddUpInTheirOrder) {
  Random random(5);
  FaultPlan plan;
  plan.add({0, 0, Millis(10), policy::kWhole, 300, policy::kWhole}, random);
  plan.add({0, 0, Millis(20), policy::kWhole, 200, policy::kWhole}, random);
  EXPECT_EQ(plan.delay, Millis(30));
  EXPECT_EQ(plan.bandwidth_kbps, 200U);
  plan.add({418, policy::kWhole, Nanos{}, 0, 0, 0}, random);
  plan.add({500, policy::kWhole, Millis(50), policy::kWhole, 0, 0}, random);
  EXPECT_EQ(plan.abort_status, 418);
  EXPECT_EQ(plan.delay, Millis(30));
  FaultPlan never;
  never.add({500, 0, Millis(50), 0, 9, 0}, random);
  EXPECT_TRUE(never.abort_status == 0 && never.delay == Nanos{} && never.bandwidth_kbps == 0);
}

TEST(Shaper, SendsAtItsRate) {
  Shaper shaper(100, at_ms(0));  // 102400 bytes a second, 5120 a slice
  EXPECT_EQ(shaper.take(100'000, at_ms(0)), 5120U);
  EXPECT_EQ(shaper.take(100'000, at_ms(49)), 0U);
  EXPECT_EQ(shaper.next(), at_ms(50));
  std::size_t sent = 0;
  for (int ms = 50; ms <= 1000; ++ms) sent += shaper.take(100'000, at_ms(ms));
  EXPECT_EQ(sent, 102'400U);
  EXPECT_EQ(shaper.take(100'000, at_ms(60'000)), 5120U);  // pauses are not saved up
  Shaper fast(~0ULL, at_ms(0));
  EXPECT_EQ(fast.take(1 << 20, at_ms(0)), std::size_t{1 << 20});
}

}  // namespace
}  // namespace sluice::upstream
