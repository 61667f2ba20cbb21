// The decision of the connect hook, compiled from the very text that the BPF program is compiled from: every
// combination of facts against the table in bpf/decide.h, written down a second time as a list of rules.
#include "decide.h"

#include <gtest/gtest.h>

#include <cstring>

namespace {

struct Case {
  sluice_workload workload{};
  sluice_facts facts{};
};

// All 2^10 facts x 3 prefix answers x 3 fail modes x 2 passthrough x 2 errnos.
Case make_case(unsigned number) {
  Case made;
  const auto take = [&](unsigned values) {
    const auto value = static_cast<__u8>(number % values);
    number /= values;
    return value;
  };
  auto& facts = made.facts;
  for (__u8* bit : {&facts.tcp, &facts.own, &facts.host, &facts.loopback, &facts.local, &facts.outbound,
                    &facts.mesh, &facts.resolver, &facts.alive, &facts.full})
    *bit = take(2);
  const __u8 answers[] = {SLUICE_PREFIX_EXCLUDE, SLUICE_PREFIX_ALLOW, SLUICE_PREFIX_NO_MATCH};
  facts.prefix = answers[take(3)];
  made.workload.fail_mode = take(3);
  made.workload.passthrough = take(2);
  made.workload.deny = take(2);
  return made;
}
constexpr unsigned kCases = 1024 * 3 * 3 * 2 * 2;

unsigned expected_reason(const Case& given) {
  const auto& f = given.facts;
  const auto captured = [&]() -> unsigned {
    if (f.alive || given.workload.fail_mode == SLUICE_FAIL_CLOSED) return SLUICE_REASON_captured_outbound;
    return given.workload.fail_mode == SLUICE_FAIL_OPEN ? SLUICE_REASON_fail_open : SLUICE_REASON_proxy_dead;
  };
  if (f.own) return SLUICE_REASON_own_socket;
  if (f.prefix == SLUICE_PREFIX_EXCLUDE) return SLUICE_REASON_excluded;
  if (f.outbound && f.tcp) return captured();
  if (f.loopback) return SLUICE_REASON_loopback;
  if (f.local) return SLUICE_REASON_self_call;
  if (f.mesh && f.tcp) return captured();
  if (f.resolver) return SLUICE_REASON_resolver;
  if (f.prefix == SLUICE_PREFIX_ALLOW) return SLUICE_REASON_passthrough;
  if (given.workload.passthrough == SLUICE_PASSTHROUGH_ALL) return SLUICE_REASON_passthrough;
  return f.tcp ? SLUICE_REASON_passthrough_denied : SLUICE_REASON_udp_denied;
}

TEST(Decide, EveryCombination) {
  for (unsigned number = 0; number < kCases; ++number) {
    const Case given = make_case(number);
    const auto verdict = sluice_decide(&given.workload, &given.facts);
    unsigned reason = expected_reason(given);
    const bool denied = reason == SLUICE_REASON_proxy_dead || reason == SLUICE_REASON_passthrough_denied ||
                        reason == SLUICE_REASON_udp_denied;
    const bool needs_room = given.facts.tcp && !denied && reason != SLUICE_REASON_loopback;
    const bool told_by_lookup = reason == SLUICE_REASON_captured_outbound && !given.facts.host &&
                                !given.facts.loopback && !given.facts.local;
    if (needs_room && given.facts.full) reason = SLUICE_REASON_map_full;
    ASSERT_EQ(reason, verdict.reason) << "case " << number;
    const bool refused = denied || reason == SLUICE_REASON_map_full;
    const bool captured = reason == SLUICE_REASON_captured_outbound;
    ASSERT_EQ(refused    ? SLUICE_ACTION_DENY
              : captured ? SLUICE_ACTION_CAPTURE
                         : SLUICE_ACTION_PASS,
              verdict.action)
        << "case " << number;
    ASSERT_EQ(needs_room && !refused && !told_by_lookup, verdict.flow != 0) << "case " << number;
  }
}

TEST(Decide, OnlySluicesSocketsAreNotedAsOwn) {
  for (unsigned number = 0; number < kCases; ++number) {
    const Case given = make_case(number);
    const auto verdict = sluice_decide(&given.workload, &given.facts);
    if (verdict.flow == SLUICE_FLOW_OWN) ASSERT_TRUE(given.facts.own) << "case " << number;
    if (verdict.action == SLUICE_ACTION_CAPTURE && verdict.flow)
      ASSERT_EQ(SLUICE_FLOW_CAPTURE, verdict.flow) << "case " << number;
  }
}

TEST(Decide, ErrnoIsPolicyForDenialsAndRefusalForFailures) {
  sluice_workload workload{};
  sluice_facts facts{};
  facts.tcp = 1;
  facts.prefix = SLUICE_PREFIX_NO_MATCH;
  EXPECT_EQ(SLUICE_DENY_EPERM, sluice_decide(&workload, &facts).refuse);
  workload.deny = SLUICE_DENY_ECONNREFUSED;
  EXPECT_EQ(SLUICE_DENY_ECONNREFUSED, sluice_decide(&workload, &facts).refuse);
  workload.deny = SLUICE_DENY_EPERM;
  facts.mesh = 1;
  EXPECT_EQ(SLUICE_DENY_ECONNREFUSED, sluice_decide(&workload, &facts).refuse) << "dead proxy";
}

TEST(Decide, PrefixRangesFirstMatchWins) {
  sluice_prefix prefix{};
  prefix.count = 2;
  prefix.ranges[0] = {80, 90, SLUICE_PREFIX_EXCLUDE, SLUICE_PROTO_TCP, {}};
  prefix.ranges[1] = {0, 65535, SLUICE_PREFIX_ALLOW, SLUICE_PROTO_TCP | SLUICE_PROTO_UDP, {}};
  EXPECT_EQ(SLUICE_PREFIX_EXCLUDE, sluice_prefix_action(&prefix, 90, SLUICE_PROTO_TCP));
  EXPECT_EQ(SLUICE_PREFIX_ALLOW, sluice_prefix_action(&prefix, 91, SLUICE_PROTO_TCP));
  EXPECT_EQ(SLUICE_PREFIX_ALLOW, sluice_prefix_action(&prefix, 85, SLUICE_PROTO_UDP));
  prefix.count = 1;
  EXPECT_EQ(SLUICE_PREFIX_NO_MATCH, sluice_prefix_action(&prefix, 85, SLUICE_PROTO_UDP));
  prefix.count = 4000000000U;  // out of range: never read behind the array
  EXPECT_EQ(SLUICE_PREFIX_NO_MATCH, sluice_prefix_action(&prefix, 91, 0));
}

sluice_addr address(std::initializer_list<int> bytes) {
  sluice_addr addr{};
  std::size_t at = 16 - bytes.size();
  if (bytes.size() == 4) addr.bytes[10] = addr.bytes[11] = 0xff;
  for (const int byte : bytes) addr.bytes[at++] = static_cast<__u8>(byte);
  return addr;
}

TEST(Decide, Loopback) {
  const auto is = [](sluice_addr addr) { return sluice_is_loopback(&addr) != 0; };
  EXPECT_TRUE(is(address({127, 0, 0, 1})));
  EXPECT_TRUE(is(address({127, 255, 0, 9})));
  EXPECT_TRUE(is(address({0, 0, 0, 0})));
  EXPECT_TRUE(is(address({})));
  EXPECT_TRUE(is(address({1})));
  EXPECT_FALSE(is(address({2})));
  EXPECT_FALSE(is(address({10, 0, 0, 1})));
  EXPECT_FALSE(is(address({0, 0, 0, 1})));
}

TEST(Decide, Heartbeat) {
  constexpr auto kLimit = SLUICE_HEARTBEAT_TIMEOUT_NS;
  EXPECT_FALSE(sluice_is_alive(100, 0)) << "never beaten";
  EXPECT_TRUE(sluice_is_alive(1 + kLimit, 1));
  EXPECT_FALSE(sluice_is_alive(2 + kLimit, 1));
  EXPECT_TRUE(sluice_is_alive(5, 9)) << "another CPU's clock";
}

}  // namespace
