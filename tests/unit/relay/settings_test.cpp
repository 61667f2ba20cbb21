#include "app/settings.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::app {
namespace {

Outcome<ProxySettings> parse(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  return parse_settings(arguments);
}

TEST(ProxySettings, TakesWhatTheKeeperSays) {
  const auto settings = parse({"--workers", "2", "--connections", "100", "--access-log", "json",
                               "--log-level", "warn", "--drain-seconds", "5"});
  ASSERT_TRUE(settings);
  EXPECT_EQ(2U, settings->workers);
  EXPECT_EQ(100U, settings->connections_max);
  EXPECT_EQ(relay::AccessFormat::json, settings->access_log);
  EXPECT_EQ(LogLevel::warn, settings->log_level);
  EXPECT_EQ(std::chrono::seconds(5), settings->drain);
}

TEST(ProxySettings, RefusesTheRestByName) {
  EXPECT_FALSE(parse({"--workers", "0"}));
  EXPECT_FALSE(parse({"--workers", "65"}));
  EXPECT_FALSE(parse({"--workers", "2x"}));
  EXPECT_FALSE(parse({"--access-log"}));
  const auto unknown = parse({"--colour", "blue"});
  ASSERT_FALSE(unknown);
  EXPECT_NE(std::string::npos, unknown.error().message.find("--colour blue"));
}

}  // namespace
}  // namespace sluice::app
