// Which generation a start uses, and what it says when it must not start.
#include "kernel/pins.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

namespace sluice::kernel {
namespace {

using ::testing::HasSubstr;

sluice_owner owner(std::uint32_t abi, std::string_view node) {
  sluice_owner made{};
  made.abi_version = abi;
  std::ranges::copy(node, made.node);
  std::ranges::copy(std::string_view("main"), made.instance);
  return made;
}

Outcome<PinPlan> plan(const std::vector<Generation>& present, const std::optional<sluice_owner>& found,
                      bool side_by_side = false) {
  return plan_pins("/bpf/x", 3, side_by_side, present, found, "node-a", "main");
}

constexpr std::uint32_t kAbi = SLUICE_ABI_VERSION;

TEST(Pins, FreshStart) {
  const auto made = plan({}, std::nullopt);
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ("/bpf/x/" + std::to_string(kAbi) + "-3", made->directory);
  EXPECT_FALSE(made->take_over);
}

TEST(Pins, OwnGenerationIsTakenOver) {
  const auto made = plan({{kAbi, 3, "/bpf/x/g"}}, owner(kAbi, "node-a"));
  ASSERT_TRUE(made.has_value());
  EXPECT_TRUE(made->take_over);
}

TEST(Pins, SaysWhichSideIsOlder) {
  EXPECT_THAT(plan({{kAbi + 1, 1, "/bpf/x/new"}}, std::nullopt).error().message,
              HasSubstr("/bpf/x/new holds programs of kernel ABI " + std::to_string(kAbi + 1)));
  EXPECT_THAT(plan({{kAbi + 1, 1, "/bpf/x/new"}}, std::nullopt).error().message,
              HasSubstr("this program is the older"));
  EXPECT_THAT(plan({{0, 1, "/bpf/x/old"}}, std::nullopt).error().message,
              HasSubstr("what is loaded is the older"));
  EXPECT_THAT(plan({}, owner(kAbi + 9, "node-a")).error().message, HasSubstr("this program is the older"));
}

TEST(Pins, SideBySideIgnoresOtherGenerations) {
  EXPECT_TRUE(plan({{kAbi + 1, 1, "/bpf/x/new"}}, std::nullopt, true).has_value());
}

TEST(Pins, AnotherNodesPinsAreRefused) {
  EXPECT_THAT(plan({}, owner(kAbi, "node-b")).error().message, HasSubstr("node \"node-b\""));
}

TEST(Pins, NamesAreBounded) {
  EXPECT_FALSE(plan_pins("/x", 1, false, {}, std::nullopt, std::string(64, 'n'), "i").has_value());
  EXPECT_FALSE(plan_pins("/x", 1, false, {}, std::nullopt, "", "i").has_value());
  EXPECT_FALSE(plan_pins("/x", 1, false, {}, std::nullopt, "n", std::string(64, 'i')).has_value());
}

TEST(Pins, NothingThereIsNoError) {
  EXPECT_TRUE(list_generations("/nowhere/at/all").empty());
  const auto found = read_owner("/nowhere/at/all");
  ASSERT_TRUE(found.has_value());
  EXPECT_FALSE(found->has_value());
}

}  // namespace
}  // namespace sluice::kernel
