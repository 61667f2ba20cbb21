// The agent dies in the middle of storing, and of starting again after that: at the entry of every system
// call in turn. What is read afterwards is the old version of all documents or the new one of all, and
// storing goes on.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
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

std::vector<DocumentPtr> versions(const std::string& value) {
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
    const auto documents = versions(value);
    auto store = open();
    return die_at(at, [&] { return store->put(documents).has_value(); });
  }

  // The same for a start.
  bool start_and_die(int at) {
    return die_at(at, [&] {
      Store store({root_ + "/resources", root_ + "/state"}, log_);
      return store.open().has_value();
    });
  }

  template <typename Work>
  bool die_at(int at, Work work) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(2);
      ::raise(SIGSTOP);
      ::_exit(work() ? 0 : 3);
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

  // The version that is in force, the same for every document; nothing when they are mixed or one is lost.
  std::string version_in_force(const Store& store) {
    std::string version;
    for (const char* name : kNames) {
      const auto* found = store.find("MeshTimeout/default/" + std::string(name));
      if (found == nullptr) return "";
      const auto& text = found->document->text;
      const auto from = text.find("connectionTimeout: ") + std::strlen("connectionTimeout: ");
      const auto value = text.substr(from, text.find('}', from) - from);
      if (!version.empty() && value != version) return "";
      version = value;
    }
    return version;
  }

  bool is_committed() const { return fs::exists(root_ + "/state/resources/.batch"); }

  Log log_;
  std::string root_;
};

TEST_F(StoreCrash, DeathAtAnyWriteLeavesOneVersionOfAll) {
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
    const auto now = version_in_force(*store);
    EXPECT_TRUE(now == value || now == next)
        << "versions are mixed after a death at system call " << at << ": " << now;
    renewed += now == next ? 1 : 0;
    EXPECT_FALSE(is_committed()) << "a start finishes what was committed";
    if (!died) break;
    ASSERT_TRUE(store->put(versions(value))) << "storing does not go on after a death at system call " << at;
    EXPECT_EQ(version_in_force(*open()), value) << at;
  }
  EXPECT_GT(at, 10) << "put() has fewer system calls than writing two files needs";
  EXPECT_LT(at, 500);
  EXPECT_GT(renewed, 2) << "only the last run stored anything: no death came after the batch was committed";
  RecordProperty("deaths", at);
}

TEST_F(StoreCrash, DeathAtAStartAfterADeathLosesNothing) {
  ASSERT_TRUE(open()->put(versions("1s")));
  int starts = 0;
  int committed = 0;
  for (int at = 0; store_and_die("2s", at); ++at) {
    if (is_committed()) {
      ++committed;
      const fs::path held = root_ + "/held";
      fs::copy(root_ + "/state", held, fs::copy_options::recursive);
      // Once the batch is in place a start only reads.
      for (int start = 0; is_committed() && start_and_die(start); ++start, ++starts) {
        const bool left = is_committed();
        EXPECT_EQ(version_in_force(*open()), "2s") << at << ", " << start;
        if (!left) break;
        fs::remove_all(root_ + "/state");
        fs::copy(held, root_ + "/state", fs::copy_options::recursive);
      }
      fs::remove_all(held);
    }
    if (const auto store = open(); version_in_force(*store) != "1s") {
      ASSERT_TRUE(store->put(versions("1s")));
    }
  }
  EXPECT_GE(committed, 3) << "between the commit and the end there is a rename for each document";
  EXPECT_GT(starts, 15);
}

// A committed batch comes before whatever is done next, by the agent that could not move it as well.
TEST_F(StoreCrash, WhatWasCommittedIsFinishedBeforeARemoval) {
  ASSERT_TRUE(open()->put(versions("1s")));
  auto store = open();
  fs::create_directory(root_ + "/state/resources/.batch");
  fs::copy_file(root_ + "/state/resources/MeshTimeout%2fdefault%2fone.yaml",
                root_ + "/state/resources/.batch/MeshTimeout%2fdefault%2fone.yaml");
  ASSERT_TRUE(store->remove("MeshTimeout/default/one"));
  EXPECT_EQ(open()->find("MeshTimeout/default/one"), nullptr);
  EXPECT_NE(open()->find("MeshTimeout/default/two"), nullptr);
}

}  // namespace
}  // namespace sluice::agent
