// The agent dies in the middle of storing: at the entry of every system call in turn. What is read afterwards
// is the old version or the new one, whole, and storing goes on.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "resources/store.h"

namespace sluice::agent {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNames[] = {"one", "two"};

std::string timeout(const std::string& name, const std::string& value) {
  return "type: MeshTimeout\nmesh: default\nname: " + name +
         "\nspec:\n  targetRef: {kind: Mesh}\n  to:\n  - targetRef: {kind: Mesh}\n    default: "
         "{connectionTimeout: " +
         value + "}\n";
}

std::vector<Document> versions(const std::string& value) {
  return judge_documents(
      "type: Mesh\nname: default\n---\n" + timeout(kNames[0], value) + "---\n" + timeout(kNames[1], value),
      "apply", policy::Dialect::kuma_2, false);
}

class StoreCrash : public testing::Test {
 protected:
  StoreCrash() : log_("test", LogLevel::error) {
    std::string pattern = testing::TempDir() + "store_crash_XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    fs::create_directory(root_ + "/resources");
  }
  ~StoreCrash() override { fs::remove_all(root_); }

  std::unique_ptr<Store> open() {
    auto store = std::make_unique<Store>(StoreOptions{root_ + "/resources", root_ + "/state"}, log_);
    const auto opened = store->open();
    EXPECT_TRUE(opened) << opened.error().message;
    return store;
  }

  // Stores a version in a child that is killed at the entry of its system call number `at`, counted from the
  // beginning of put(). False: it came to its end before.
  bool store_and_die(const std::string& value, int at) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto store = open();
      const auto documents = versions(value);
      if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(2);
      ::raise(SIGSTOP);
      ::_exit(store->put(documents) ? 0 : 3);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSTOPPED(status)) << status;
    ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    for (int stops = 0; stops < 2 * at + 1;
         ++stops) {  // entry and end of each one before, and the entry of this
      ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
      if (::waitpid(child, &status, 0) == child && WIFSTOPPED(status)) continue;
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
      return false;
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
    return true;
  }

  Log log_;
  std::string root_;
};

TEST_F(StoreCrash, DeathAtAnyWriteLeavesAWholeVersion) {
  ASSERT_TRUE(open()->put(versions("1s")));
  std::string value = "1s";
  int at = 0;
  int renewed = 0;
  for (; at < 500; ++at) {
    const std::string next = std::to_string(at + 2) + "s";
    const bool died = store_and_die(next, at);
    const auto store = open();
    EXPECT_TRUE(store->problems().empty()) << at;
    EXPECT_EQ(store->bad(), 0U) << at;
    for (const char* name : kNames) {
      const auto* found = store->find("MeshTimeout/default/" + std::string(name));
      ASSERT_NE(found, nullptr) << name << " was lost by a death at system call " << at;
      const bool is_old = found->document.text.find("connectionTimeout: " + value) != std::string::npos;
      const bool is_new = found->document.text.find("connectionTimeout: " + next) != std::string::npos;
      EXPECT_TRUE(is_old || is_new) << at << ": " << found->document.text;
      renewed += is_new ? 1 : 0;
    }
    if (!died) break;
    ASSERT_TRUE(store->put(versions(value))) << "storing does not go on after a death at system call " << at;
  }
  EXPECT_GT(at, 10) << "put() has fewer system calls than writing two files needs";
  EXPECT_LT(at, 500);
  EXPECT_GT(renewed, 2) << "only the last run stored anything: no death came after the first rename";
  RecordProperty("deaths", at);
}

}  // namespace
}  // namespace sluice::agent
