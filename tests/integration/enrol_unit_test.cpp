// Attachment by systemd unit: the unit's cgroup is found where systemd keeps it, and its absence is told. The
// layout of systemd's slices is made in a cgroup subtree of our own, so no systemd is needed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "enrol/attachment.h"

namespace sluice::agent {
namespace {

namespace fs = std::filesystem;

class UnitAttachment : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file("/proc/self/mountinfo");
    const auto mount = find_cgroup_root({std::istreambuf_iterator<char>(file), {}});
    ASSERT_TRUE(mount) << mount.error().message;
    root_ = *mount + "/sluice-unit-test-" + std::to_string(::getpid());
    fs::create_directory(root_);
  }
  void TearDown() override {
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) fs::remove(*path);
    if (!root_.empty()) fs::remove(root_);
  }
  std::string make(const std::string& relative) {
    const auto path = root_ + "/" + relative;
    fs::create_directory(path);
    made_.push_back(path);
    return path;
  }
  Outcome<Attachment> resolve(const std::string& unit) const {
    policy::LocalWorkload workload;
    workload.attach = policy::AttachKind::unit;
    workload.attach_to = unit;
    return resolve_attachment(workload, root_, 1);
  }

  std::string root_;
  std::vector<std::string> made_;
};

TEST_F(UnitAttachment, FindsTheUnitInItsSlice) {
  make("system.slice");
  const auto path = make("system.slice/backup.service");
  for (const char* name : {"backup.service", "backup"}) {
    const auto found = resolve(name);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->path, path);
    EXPECT_FALSE(found->in_namespace);
    EXPECT_TRUE(found->still_there());
  }
  make("machine.slice");
  const auto scope = make("machine.slice/vm.scope");
  const auto found = resolve("vm.scope");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->path, scope);
}

TEST_F(UnitAttachment, UnitThatIsNotRunningIsNamedAndFollowsOnceItRuns) {
  make("system.slice");
  const auto missing = resolve("late");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("late.service has no cgroup"), std::string::npos);
  EXPECT_NE(missing.error().next_step.find("start the unit"), std::string::npos);
  make("system.slice/late.service");
  EXPECT_TRUE(resolve("late"));
}

TEST_F(UnitAttachment, RestartedUnitIsAnotherPlace) {
  make("system.slice");
  const auto path = make("system.slice/web.service");
  const auto before = resolve("web");
  ASSERT_TRUE(before);
  fs::remove(path);
  EXPECT_FALSE(before->still_there());
  fs::create_directory(path);
  const auto after = resolve("web");
  ASSERT_TRUE(after);
  EXPECT_FALSE(after->same_place(*before));
}

TEST_F(UnitAttachment, PathIsNoUnitName) {
  const auto refused = resolve("../system.slice/x.service");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("not a unit name"), std::string::npos);
}

}  // namespace
}  // namespace sluice::agent
