// Files of eventLogPath: where they lie, what a line says, and how far they may grow.
#include "app/health_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "../tls/mesh_fixture.h"
#include "base/address.h"
#include "control/json.h"

namespace sluice::agent {
namespace {

namespace fs = std::filesystem;
using message::HealthEvent;

HealthEvent event_for(const std::string& path, HealthEvent::What what = HealthEvent::What::ejected) {
  HealthEvent event;
  event.wall_ns = 1'234'567'891'234'567'890;
  event.what = what;
  event.checker = HealthEvent::Checker::http;
  event.failure = HealthEvent::Failure::network_timeout;
  event.first = 1;
  event.address = IpAddr::parse("10.0.0.1")->bytes;
  event.port = 443;
  EXPECT_TRUE(message::put_text(event.mesh, "default") && message::put_text(event.service, "api") &&
              message::put_text(event.path, path));
  return event;
}

std::vector<policy::ClusterImage> naming(const std::vector<std::string>& paths) {
  std::vector<policy::ClusterImage> out;
  for (const auto& path : paths) out.emplace_back().health.event_log = path;
  return out;
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

class HealthFilesTest : public testing::Test {
 protected:
  tls::TemporaryDirectory root;
  fs::path below = root.path() / "log/health";
  Log log{"test", LogLevel::error};
  HealthFiles files{below.string(), log};
};

constexpr const char* kHost =
    R"({"health_checker_type":"HTTP","host":{"socket_address":{"protocol":"TCP","address":"10.0.0.1",)"
    R"("port_value":443}},"cluster_name":"api",)";
constexpr const char* kEnd = R"(,"timestamp":"2009-02-13T23:31:31.234Z","metadata":{"mesh":"default"}})";

TEST(HealthLine, SaysWhatEnvoySays) {
  const auto line = [](HealthEvent::What what) { return control::to_json(event_for("/x", what)).dump(); };
  EXPECT_EQ(line(HealthEvent::What::ejected),
            std::string(kHost) + R"("eject_unhealthy_event":{"failure_type":"NETWORK_TIMEOUT"})" + kEnd);
  EXPECT_EQ(line(HealthEvent::What::added),
            std::string(kHost) + R"("add_healthy_event":{"first_check":true})" + kEnd);
  EXPECT_EQ(line(HealthEvent::What::failed),
            std::string(kHost) +
                R"("health_check_failure_event":{"failure_type":"NETWORK_TIMEOUT","first_check":true})" +
                kEnd);
}

TEST(HealthLine, IsNothingWhenItIsMalformed) {
  auto event = event_for("/x");
  event.failure = static_cast<HealthEvent::Failure>(9);
  EXPECT_TRUE(control::to_json(event).is_null());
  event = event_for("/x", static_cast<HealthEvent::What>(7));
  EXPECT_TRUE(control::to_json(event).is_null());
}

TEST_F(HealthFilesTest, IsOneLineWhateverTheProxySays) {
  auto event = event_for("/x");
  event.service.fill('\n');  // without an end
  event.mesh = {'\xff', '"'};
  files.take(event, naming({"/x"}));
  EXPECT_EQ(std::ranges::count(text_of(below / "x"), '\n'), 1);
  event.checker = static_cast<HealthEvent::Checker>(9);
  files.take(event, naming({"/x"}));
  EXPECT_EQ(files.refused(), 1U);
}

TEST_F(HealthFilesTest, LiesBelowTheDirectoryAndIsTheOwnersAlone) {
  const auto clusters = naming({"/var/log/checks.log", "/../../../escaped"});
  files.take(event_for("/var/log/checks.log"), clusters);
  files.take(event_for("/var/log/checks.log", HealthEvent::What::added), clusters);
  const auto text = text_of(below / "var/log/checks.log");
  EXPECT_EQ(std::ranges::count(text, '\n'), 2);
  EXPECT_TRUE(text.ends_with("}\n"));
  struct stat found{};
  ASSERT_EQ(::stat((below / "var/log/checks.log").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(below.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700U);
  files.take(event_for("/../../../escaped"), clusters);
  EXPECT_TRUE(fs::exists(below / "escaped"));
  EXPECT_EQ(files.written(), 3U);
  EXPECT_EQ(files.refused(), 0U);
}

TEST_F(HealthFilesTest, OnlyFilesThatAPolicyNames) {
  files.take(event_for("/other"), naming({"/named"}));
  files.take(event_for(""), naming({""}));
  EXPECT_EQ(files.refused(), 2U);
  EXPECT_FALSE(files.problem());
  EXPECT_FALSE(fs::exists(below));
}

TEST_F(HealthFilesTest, NoFileIsFollowedElsewhere) {
  fs::create_directories(below);
  fs::create_symlink(root.path() / "elsewhere", below / "link");
  files.take(event_for("/link"), naming({"/link"}));
  EXPECT_FALSE(fs::exists(root.path() / "elsewhere"));
  ASSERT_TRUE(files.problem());
  EXPECT_THAT(files.problem()->next_step, testing::HasSubstr("paths.health_events"));
  files.take(event_for("/good"), naming({"/good"}));
  EXPECT_FALSE(files.problem()) << "the newest counts";
}

TEST_F(HealthFilesTest, GrowsToABoundAndKeepsTheLastPart) {
  const auto clusters = naming({"/much"});
  files.take(event_for("/much"), clusters);
  fs::resize_file(below / "much", HealthFiles::kBytesMax);
  files.take(event_for("/much"), clusters);
  EXPECT_EQ(fs::file_size(below / "much.1"), HealthFiles::kBytesMax);
  EXPECT_LT(fs::file_size(below / "much"), 1000U);
}

TEST_F(HealthFilesTest, NoMoreThanSoManyAcrossRestarts) {
  for (std::size_t i = 0; i < HealthFiles::kFilesMax; ++i) {
    const auto path = "/" + std::to_string(i);
    files.take(event_for(path), naming({path}));
  }
  EXPECT_EQ(files.written(), HealthFiles::kFilesMax);
  HealthFiles again(below.string(), log);
  again.take(event_for("/more"), naming({"/more"}));
  ASSERT_TRUE(again.problem());
  EXPECT_THAT(again.problem()->message, testing::HasSubstr("more than 64 files"));
  again.take(event_for("/0"), naming({"/0"}));
  EXPECT_EQ(again.written(), 1U) << "one that is there goes on";
  fs::remove(below / "1");
  again.take(event_for("/more"), naming({"/more"}));
  EXPECT_EQ(again.written(), 2U) << "and who removes one makes room";
}

TEST_F(HealthFilesTest, NoFileIsAnothersOlderPart) {
  files.take(event_for("/x.1"), naming({"/x.1"}));
  ASSERT_TRUE(files.problem());
  EXPECT_THAT(files.problem()->message, testing::HasSubstr("older part"));
}

TEST_F(HealthFilesTest, NoneWithoutADirectory) {
  HealthFiles none("", log);
  none.take(event_for("/x"), naming({"/x"}));
  EXPECT_EQ(none.written(), 0U);
  EXPECT_EQ(none.refused(), 0U);
}

}  // namespace
}  // namespace sluice::agent
