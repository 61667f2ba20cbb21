#include "resources/store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace sluice::agent {
namespace {

namespace fs = std::filesystem;

const std::string kMesh = "type: Mesh\nname: default\n";

std::string timeout(const std::string& name, const std::string& value) {
  return "type: MeshTimeout\nmesh: default\nname: " + name +
         "\nspec:\n  targetRef: {kind: Mesh}\n  to:\n  - targetRef: {kind: Mesh}\n    default: "
         "{connectionTimeout: " +
         value + "}\n";
}

class StoreTest : public testing::Test {
 protected:
  StoreTest() : log_("test", LogLevel::error) {
    std::string pattern = testing::TempDir() + "agent_store_XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    fs::create_directory(root_ + "/resources");
  }
  ~StoreTest() override { fs::remove_all(root_); }

  StoreOptions options() const { return {root_ + "/resources", root_ + "/state", 1 << 16, 8, dialect}; }
  std::unique_ptr<Store> open() {
    auto store = std::make_unique<Store>(options(), log_);
    const auto opened = store->open();
    EXPECT_TRUE(opened) << opened.error().message;
    return store;
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(root_ + "/resources/" + name, std::ios::trunc) << text;
  }
  static std::string mark_of(const Store& store, const std::string& key) {
    const auto* found = store.find(key);
    return found == nullptr ? "absent" : found->document->text;
  }

  Log log_;
  std::string root_;
  policy::Dialect dialect = policy::Dialect::kuma_2;
};

TEST_F(StoreTest, KeepsConfigurationOfEnvoyOutOfForce) {
  const std::string patch =
      "type: MeshProxyPatch\nmesh: default\nname: p\nspec: {default: {appendModifications: [{cluster: "
      "{operation: Remove}}]}}\n";
  write("a.yaml", kMesh + "---\n" + patch);
  const auto store = open();
  EXPECT_EQ(store->in_force().size(), 1);
  EXPECT_EQ(store->bad(), 1);
  const auto applied = judge_documents(patch, "apply", dialect, false);
  ASSERT_EQ(applied.size(), 1);
  EXPECT_FALSE(applied[0]->resource != nullptr);
  EXPECT_NE(applied[0]->diagnostics.text().find("the configuration of Envoy"), std::string::npos);
}

TEST_F(StoreTest, JudgesByItsDialect) {
  write("a.yaml",
        kMesh +
            "---\ntype: MeshTimeout\nmesh: default\nname: t\nspec:\n  targetRef: {kind: MeshSubset, "
            "tags: {v: a}}\n  to: [{targetRef: {kind: Mesh}, default: {connectionTimeout: 5s}}]\n");
  EXPECT_EQ(open()->in_force().size(), 2);
  fs::remove_all(root_ + "/state");
  dialect = policy::Dialect::kuma_3;
  const auto store = open();
  ASSERT_EQ(store->in_force().size(), 1);
  EXPECT_EQ(store->in_force().front()->dialect, policy::Dialect::kuma_3);
  EXPECT_EQ(store->bad(), 1);
}

TEST_F(StoreTest, FilesComeAndGo) {
  write("a.yaml", kMesh + "---\n" + timeout("t", "5s"));
  auto store = open();
  EXPECT_EQ(store->in_force().size(), 2);
  write("b.yaml", timeout("u", "6s"));
  EXPECT_TRUE(store->rescan());
  EXPECT_FALSE(store->rescan());
  EXPECT_EQ(store->in_force().size(), 3);
  fs::remove(root_ + "/resources/b.yaml");
  EXPECT_TRUE(store->rescan());
  EXPECT_EQ(store->in_force().size(), 2);
  EXPECT_EQ(store->bad(), 0);
}

TEST_F(StoreTest, BadDocumentKeepsItsLastGoodVersionAndItsNeighbours) {
  write("a.yaml", timeout("t", "5s") + "---\n" + timeout("u", "6s"));
  auto store = open();
  write("a.yaml", timeout("t", "-5s") + "---\n" + timeout("u", "7s"));
  EXPECT_TRUE(store->rescan());
  EXPECT_NE(mark_of(*store, "MeshTimeout/default/t").find("5s"), std::string::npos);
  EXPECT_EQ(mark_of(*store, "MeshTimeout/default/t").find("-5s"), std::string::npos);
  EXPECT_NE(mark_of(*store, "MeshTimeout/default/u").find("7s"), std::string::npos);
  EXPECT_EQ(store->bad(), 1);
}

TEST_F(StoreTest, LastGoodSetOutlivesARestart) {
  write("a.yaml", timeout("t", "5s"));
  open();
  write("a.yaml", "type: MeshTimeout\nname: [\n");
  auto store = open();
  EXPECT_NE(mark_of(*store, "MeshTimeout/default/t").find("5s"), std::string::npos);
  EXPECT_EQ(store->bad(), 1);
}

TEST_F(StoreTest, DiagnosticsNameTheLineInTheFile) {
  write("a.yaml", kMesh + "---\n" + timeout("t", "-5s"));
  auto store = open();
  const auto& documents = store->documents();
  const auto bad = std::ranges::find_if(documents, [](const auto& d) { return !d.problem.empty(); });
  ASSERT_NE(bad, documents.end());
  EXPECT_NE(bad->problem.find("a.yaml:11:"), std::string::npos) << bad->problem;
}

TEST_F(StoreTest, AppliedDocumentsAreKeptAndWin) {
  write("a.yaml", timeout("t", "5s"));
  {
    auto store = open();
    ASSERT_TRUE(store->put(judge_documents(timeout("t", "9s"), "request", policy::Dialect::kuma_2, false)));
  }
  auto store = open();
  EXPECT_NE(mark_of(*store, "MeshTimeout/default/t").find("9s"), std::string::npos);
  EXPECT_EQ(store->bad(), 0);
  ASSERT_TRUE(store->remove("MeshTimeout/default/t"));
  EXPECT_NE(mark_of(*store, "MeshTimeout/default/t").find("5s"), std::string::npos);
  const auto again = store->remove("MeshTimeout/default/t");
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().next_step.find("file"), std::string::npos);
}

TEST_F(StoreTest, SameNameTwiceIsReported) {
  write("a.yaml", timeout("t", "5s"));
  write("b.yaml", timeout("t", "6s"));
  auto store = open();
  EXPECT_NE(mark_of(*store, "MeshTimeout/default/t").find("5s"), std::string::npos);
  EXPECT_EQ(store->bad(), 1);
  EXPECT_FALSE(store->admit(judge_documents(timeout("x", "5s") + "---\n" + timeout("x", "6s"), "request",
                                            policy::Dialect::kuma_2, false)));
}

TEST_F(StoreTest, LimitsHold) {
  auto store = open();
  std::string text;
  for (int i = 0; i < 9; ++i) text += "---\n" + timeout("t" + std::to_string(i), "5s");
  const auto refused = store->put(judge_documents(text, "request", policy::Dialect::kuma_2, false));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().next_step.find("limits.resources"), std::string::npos);
  EXPECT_TRUE(store->in_force().empty());
  write("big.yaml", std::string(70000, '#'));
  EXPECT_TRUE(store->rescan());
  EXPECT_EQ(store->problems().size(), 1);
}

TEST_F(StoreTest, MissingDirectoryIsEmpty) {
  fs::remove_all(root_ + "/resources");
  EXPECT_TRUE(open()->in_force().empty());
}

}  // namespace
}  // namespace sluice::agent
