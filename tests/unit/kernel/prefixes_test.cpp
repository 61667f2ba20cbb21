// Merging of exclusions and allowed prefixes for a trie that answers with the longest match only.
#include "kernel/prefixes.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decide.h"
#include "kernel/map_set.h"

namespace sluice::kernel {
namespace {

PrefixRule rule(const char* prefix, std::uint16_t first, std::uint16_t last, std::uint8_t action) {
  return {Prefix::parse(prefix).value(), first, last, SLUICE_PROTO_TCP, action};
}

// What the trie would answer: the entry with the longest prefix that contains the address.
std::uint8_t lookup(const std::vector<PrefixEntry>& entries, const char* ip, std::uint16_t port) {
  const sluice_prefix* best = nullptr;
  std::uint32_t longest = 0;
  for (const auto& [key, value] : entries) {
    const Prefix prefix{from_abi(key.addr), static_cast<std::uint8_t>(key.prefixlen - 32)};
    if (!prefix.contains(IpAddr::parse(ip).value()) || key.prefixlen < longest) continue;
    longest = key.prefixlen;
    best = &value;
  }
  return best == nullptr ? SLUICE_PREFIX_NO_MATCH : sluice_prefix_action(best, port, SLUICE_PROTO_TCP);
}

TEST(Prefixes, ShorterPrefixesHoldBelowLongerOnes) {
  const PrefixRule rules[] = {rule("10.0.0.0/8", 0, 65535, SLUICE_PREFIX_ALLOW),
                              rule("10.1.0.0/16", 22, 22, SLUICE_PREFIX_EXCLUDE)};
  const auto entries = compile_prefixes(5, rules).value();
  ASSERT_EQ(2U, entries.size());
  EXPECT_EQ(htonl(5), entries[0].first.workload_be);
  EXPECT_EQ(32U + 96U + 8U, entries[0].first.prefixlen);
  EXPECT_EQ(SLUICE_PREFIX_EXCLUDE, lookup(entries, "10.1.2.3", 22));
  EXPECT_EQ(SLUICE_PREFIX_ALLOW, lookup(entries, "10.1.2.3", 23));
  EXPECT_EQ(SLUICE_PREFIX_ALLOW, lookup(entries, "10.2.0.1", 22));
  EXPECT_EQ(SLUICE_PREFIX_NO_MATCH, lookup(entries, "11.0.0.1", 22));
}

TEST(Prefixes, ExclusionsWin) {
  const PrefixRule rules[] = {rule("fd00::/8", 0, 65535, SLUICE_PREFIX_ALLOW),
                              rule("fd00::/8", 80, 80, SLUICE_PREFIX_EXCLUDE)};
  const auto entries = compile_prefixes(1, rules).value();
  ASSERT_EQ(1U, entries.size());
  EXPECT_EQ(SLUICE_PREFIX_EXCLUDE, lookup(entries, "fd00::9", 80));
  EXPECT_EQ(SLUICE_PREFIX_ALLOW, lookup(entries, "fd00::9", 81));
}

TEST(Prefixes, RepeatedRulesCountOnceAndTooManyAreRefused) {
  std::vector<PrefixRule> rules(50, rule("10.0.0.0/8", 1, 2, SLUICE_PREFIX_ALLOW));
  EXPECT_EQ(1U, compile_prefixes(1, rules).value().front().second.count);
  for (std::uint16_t port = 0; port < SLUICE_PREFIX_RANGES; ++port)
    rules.push_back(rule("10.0.0.0/8", port, port, SLUICE_PREFIX_EXCLUDE));
  const auto refused = compile_prefixes(1, rules);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("10.0.0.0/8"));
}

}  // namespace
}  // namespace sluice::kernel
