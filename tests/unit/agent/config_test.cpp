#include "config/config.h"

#include <gtest/gtest.h>

#include <fstream>

namespace sluice::agent {
namespace {

Outcome<Config> read(const std::string& text, std::vector<std::string> more = {}) {
  const std::string path = testing::TempDir() + "agent_config_test.yaml";
  std::ofstream(path) << text;
  std::vector<std::string> arguments = {"--config", path};
  arguments.insert(arguments.end(), more.begin(), more.end());
  auto line = read_command_line(arguments);
  if (!line) return std::unexpected(line.error());
  return line->config;
}

std::string refusal(const std::string& text, std::vector<std::string> more = {}) {
  const auto config = read(text, std::move(more));
  return config ? "accepted" : config.error().message + " / " + config.error().next_step;
}

TEST(Config, FileThenCommandLine) {
  const auto config =
      read("node: {name: a}\nlimits:\n  workloads: 7\n", {"--limits.workloads", "9", "--node.instance=x"});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->node_name, "a");
  EXPECT_EQ(config->node_instance, "x");
  EXPECT_EQ(config->limits_workloads, 9);
}

TEST(Config, UnknownKeyNamesItsLineAndTheNearest) {
  const auto text = refusal("node:\n  nmae: a\n");
  EXPECT_NE(text.find(".yaml:2: unknown key 'node.nmae'"), std::string::npos) << text;
  EXPECT_NE(text.find("did you mean 'node.name'?"), std::string::npos) << text;
}

TEST(Config, BoundsAndTypes) {
  EXPECT_NE(refusal("limits: {workloads: 0}").find("between 1 and 4096"), std::string::npos);
  EXPECT_NE(refusal("limits: {workloads: many}").find("whole number"), std::string::npos);
  EXPECT_NE(refusal("capture: {guard: loud}").find("auto|off|audit|enforce"), std::string::npos);
  EXPECT_NE(refusal("capture: {mark: 1}").find("mark_mask"), std::string::npos);
  EXPECT_NE(refusal("identity: {svid_lifetime: 1s}").find("between"), std::string::npos);
  EXPECT_NE(refusal("identity: {svid_lifetime: soon}").find("duration"), std::string::npos);
  EXPECT_NE(refusal("metrics: {address: nowhere}").find("address:port"), std::string::npos);
  EXPECT_NE(refusal("paths: {state_dir: here}").find("absolute"), std::string::npos);
  EXPECT_NE(refusal("just text").find("sections"), std::string::npos);
  EXPECT_NE(refusal("node: [unclosed").find(":"), std::string::npos);
}

TEST(Config, AnEmptyFileMayBeOneThatIsBeingWritten) {
  const auto settings = parse_config("", "/etc/sluice/sluice.yaml");
  ASSERT_FALSE(settings);
  EXPECT_NE(settings.error().message.find("is empty"), std::string::npos);
  EXPECT_TRUE(parse_config("{}\n", "all defaults"));
  EXPECT_TRUE(parse_config("# all defaults\n", "all defaults"));
}

// They would steer whatever shows a log, a table or a metric.
TEST(Config, ControlCharactersAreRefused) {
  struct Case {
    std::string text;
    const char* told;
  };
  const Case cases[] = {{"a\x1b[31m", "node.name holds a control character (U+001B, byte 2)"},
                        {"a\nb", "(U+000A, byte 2)"},
                        {"a\tb", "(U+0009, byte 2)"},
                        {std::string("a\0b", 3), "(U+0000, byte 2)"},
                        {"\x7f", "(U+007F, byte 1)"},
                        {"\xc3\xa4\xc2\x9b", "(U+009B, byte 3)"},
                        {"\xe2\x80\xa8", "(U+2028, byte 1)"},
                        {"a\xe2\x80\xae"
                         "b",
                         "(U+202E, byte 2)"},
                        {"caf\xe9", "bytes that are not UTF-8"}};
  for (const auto& one : cases) {
    Config config;
    const auto set = set_config(config, {"node.name", {one.text}, "command line"});
    ASSERT_FALSE(set) << one.told;
    EXPECT_NE(set.error().message.find(one.told), std::string::npos) << set.error().message;
    EXPECT_FALSE(set.error().next_step.empty());
    EXPECT_EQ(config.node_name, "");
    EXPECT_FALSE(set_config(config, {"capture.probers", {"good", one.text}, "test"})) << one.told;
    EXPECT_TRUE(config.capture_probers.empty());
  }
  Config config;
  EXPECT_TRUE(set_config(config, {"node.name", {"n\xc3\xb6rd-1 \xe2\x82\xac \xf0\x9f\x9a\xb0"}, "test"}));
}

TEST(Config, OddTextsReadBackFromTheDump) {
  Config config;
  ASSERT_TRUE(set_config(config, {"node.name", {"a\"b\\c' #:{\xc3\xa4"}, "test"}));
  ASSERT_TRUE(set_config(config, {"capture.probers", {"one, two", "three"}, "test"}));
  EXPECT_EQ(config.capture_probers, (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_FALSE(set_config(config, {"capture.probers", {"one\ntwo"}, "test"}));
  const auto settings = parse_config(config_dump(config), "dump");
  ASSERT_TRUE(settings);
  Config again;
  for (const auto& setting : *settings) EXPECT_TRUE(set_config(again, setting)) << setting.key;
  EXPECT_EQ(again.node_name, config.node_name);
  EXPECT_EQ(again.capture_probers, config.capture_probers);
}

TEST(Config, ListsAndDurations) {
  const auto config = read(
      "capture: {exclude: [10.0.0.0/8, 'fd00::/8'], resolvers: '10.0.0.1, 10.0.0.2'}\n"
      "identity: {svid_lifetime: 30s}\n");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->capture_exclude, (std::vector<std::string>{"10.0.0.0/8", "fd00::/8"}));
  EXPECT_EQ(config->capture_resolvers, (std::vector<std::string>{"10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(config->identity_svid_lifetime, std::chrono::seconds(30));
}

TEST(Config, DumpReadsBackAsTheSame) {
  const auto config = read("node: {name: 'a \"b\" \\c'}\ncapture: {exclude: [10.0.0.0/8, 10.0.0.1]}\n");
  ASSERT_TRUE(config);
  const auto again = read(config_dump(*config));
  ASSERT_TRUE(again) << again.error().message;
  for (const auto& key : config_keys())
    EXPECT_EQ(config_value(*again, key.name), config_value(*config, key.name)) << key.name;
}

TEST(Config, HelpNamesEveryKey) {
  const auto help = config_help();
  for (const auto& key : config_keys()) {
    EXPECT_NE(help.find("--" + std::string(key.name)), std::string::npos) << key.name;
    EXPECT_FALSE(key.help.empty()) << key.name;
  }
}

}  // namespace
}  // namespace sluice::agent
