// The scripts that a worker keeps: for how long, how many, and what they may say.
#include "exchange/lua_scripts.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/sim/exchange/lua_lab.h"

namespace sluice::exchange {
namespace {

using Side = LuaScripts::Side;

struct Kept : testing::Test {
  std::vector<std::string> log;
  TestClock clock;
  LuaLimits limits;
  std::unique_ptr<LuaScripts> scripts;
  std::shared_ptr<const policy::Table> table = new_table();

  static std::shared_ptr<const policy::Table> new_table() {
    policy::TableImage image;
    image.meshes = {"default"};
    return *policy::Table::build(std::move(image));
  }
  void begin() {
    scripts = std::make_unique<LuaScripts>(
        clock,
        LuaScripts::Sinks{.log = [this](LogLevel, std::string_view text) { log.emplace_back(text); },
                          .count = [](Reason) {}},
        limits);
  }
  // The answer that the script gives, or its problem.
  std::string run(const policy::LuaFilter& filter, unsigned workload = 1) {
    lua::Message message;
    message.fields = {{":method", "GET"}, {":path", "/"}};
    const auto verdict = scripts->run({table, WorkloadId(workload), filter}, Side::request, message);
    return verdict.kind == lua::Verdict::Kind::respond ? verdict.body : verdict.problem;
  }
};

constexpr const char* kCount =
    "n = 0 function envoy_on_request(h) n = n + 1 h:respond({[':status'] = 200}, tostring(n)) end";

TEST_F(Kept, AScriptKeepsItsGlobalsWhileItsCodeStays) {
  begin();
  const auto filter = LuaLab::one(kCount);
  const auto same = LuaLab::one(kCount);
  EXPECT_EQ(run(filter), "1");
  EXPECT_EQ(run(filter), "2");
  EXPECT_EQ(run(filter, 2), "1") << "each workload has its own";
  table = new_table();
  EXPECT_EQ(run(same), "3");
  EXPECT_EQ(scripts->size(), 2U);
  const auto changed = LuaLab::one(std::string(kCount) + " -- changed");
  EXPECT_EQ(run(changed), "1");
}

// An address of the table before may hold another filter in this one.
TEST_F(Kept, ATableIsNotTakenForAnother) {
  begin();
  auto filter = LuaLab::one(kCount);
  EXPECT_EQ(run(filter), "1");
  filter.code = "function envoy_on_request(h) h:respond({[':status'] = 200}, 'other') end";
  table = new_table();
  EXPECT_EQ(run(filter), "other");
}

TEST_F(Kept, WhatIsNotUsedGoes) {
  begin();
  const auto used = LuaLab::one(kCount);
  const auto unused = LuaLab::one(std::string(kCount) + " -- unused");
  run(used);
  run(unused);
  clock.at += std::chrono::minutes(6);
  run(used);
  clock.at += std::chrono::minutes(6);
  table = new_table();
  EXPECT_EQ(run(used), "3");
  EXPECT_EQ(scripts->size(), 1U);
}

TEST_F(Kept, TogetherTheyStayBelowTheirCap) {
  limits.memory = 1 << 20;
  begin();
  std::vector<policy::LuaFilter> filters;
  for (int i = 0; i < 100; ++i)
    filters.push_back(LuaLab::one(std::string(kCount) + " -- " + std::to_string(i)));
  for (const auto& filter : filters) {
    EXPECT_EQ(run(filter), "1");
    EXPECT_LE(scripts->memory(), limits.memory);
    clock.at += Millis(1);
  }
  EXPECT_GT(scripts->size(), 4U);
  EXPECT_LT(scripts->size(), 100U);
  EXPECT_EQ(run(filters.back()), "2") << "the one used last is kept";
  EXPECT_EQ(run(filters.front()), "1");
}

TEST_F(Kept, OneThatDoesNotCompileFailsEachTimeAndSaysWhere) {
  begin();
  const auto filter = LuaLab::one("function (");
  EXPECT_TRUE(scripts->sees({table, WorkloadId(1), filter}, Side::request));
  EXPECT_FALSE(scripts->sees({table, WorkloadId(1), filter}, Side::response));
  EXPECT_NE(run(filter).find("test:1:"), std::string::npos);
  EXPECT_NE(run(filter), "");
  EXPECT_NE(log.at(0).find("Lua filter test: failed: test:1:"), std::string::npos) << log.at(0);
}

TEST_F(Kept, TheLogIsNotFlooded) {
  begin();
  const auto filter = LuaLab::one("function envoy_on_request(h) h:logWarn('a\\nb\\27') error('x\\ny') end");
  for (int i = 0; i < 1000; ++i) run(filter);
  EXPECT_EQ(log.size(), limits.lines_per_second);
  EXPECT_EQ(log.at(0), "Lua filter test: a?b?");
  EXPECT_EQ(log.at(1).find('\n'), std::string::npos);
  clock.at += std::chrono::seconds(1);
  run(filter);
  EXPECT_EQ(log.at(limits.lines_per_second), "Lua filters: 1980 lines too many were left out");
}

}  // namespace
}  // namespace sluice::exchange
