#include "resources/store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/support/hostile_text.h"

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

// A MeshProxyPatch with a Lua filter.
std::string filter(const std::string& code) {
  return "type: MeshProxyPatch\nmesh: default\nname: p\nspec:\n  default:\n    appendModifications:\n      - "
         "httpFilter:\n          operation: AddFirst\n          match: {origin: inbound}\n          value: "
         "|\n"
         "            name: envoy.filters.http.lua\n            typed_config:\n              '@type': "
         "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua\n              inline_code: " +
         code + "\n";
}

TEST_F(StoreTest, TakesNoScriptThatDoesNotCompile) {
  const auto good = judge_documents(filter("\"function envoy_on_request(h) end\""), "apply", dialect, false);
  ASSERT_EQ(good.size(), 1);
  EXPECT_NE(good[0]->resource, nullptr) << good[0]->diagnostics.text();
  const auto bad = judge_documents("\n\n" + filter("\"x = 1\\ny = = 2\""), "apply", dialect, false);
  ASSERT_EQ(bad.size(), 1);
  EXPECT_EQ(bad[0]->resource, nullptr);
  const auto text = bad[0]->diagnostics.text();
  EXPECT_NE(text.find("apply:12:"), std::string::npos) << text;
  EXPECT_NE(text.find("its Lua does not compile: line 2: unexpected symbol near '='"), std::string::npos)
      << text;
  EXPECT_NE(text.find("spec.default.appendModifications[0].httpFilter.value"), std::string::npos) << text;
  const auto bytecode = judge_documents(filter("\"\\eLJ\\x02\\x02\""), "apply", dialect, false);
  ASSERT_EQ(bytecode.size(), 1);
  EXPECT_EQ(bytecode[0]->resource, nullptr);
  EXPECT_NE(bytecode[0]->diagnostics.text().find("bytecode"), std::string::npos)
      << bytecode[0]->diagnostics.text();
}

// As if a version that took it had stored it: out of force, it would let pass what it was to refuse.
TEST_F(StoreTest, KeepsInForceAStoredScriptThatDoesNotCompileAnyMore) {
  write("mesh.yaml", kMesh);
  const std::string good = "\"function envoy_on_request(h) end\"";
  const std::string bad = "\"function envoy_on_request(h) = end\"";
  const auto swap = [&](const std::string& directory) {
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      std::ifstream in(entry.path());
      std::string text{std::istreambuf_iterator<char>(in), {}};
      if (const auto at = text.find(good); at != std::string::npos)
        std::ofstream(entry.path(), std::ios::trunc) << text.replace(at, good.size(), bad);
    }
  };
  {
    const auto store = open();
    ASSERT_TRUE(store->put(judge_documents(filter(good), "apply", dialect, false)));
    EXPECT_TRUE(store->script_problems().empty());
  }
  swap(root_ + "/state/resources");
  {
    const auto store = open();
    EXPECT_EQ(store->in_force().size(), 2);
    const auto problems = store->script_problems();
    ASSERT_EQ(problems.size(), 1);
    EXPECT_NE(problems[0].find("stays in force and refuses every request of it: its Lua does not compile"),
              std::string::npos)
        << problems[0];
    ASSERT_TRUE(store->put(judge_documents(filter(good), "apply", dialect, false)));
    EXPECT_TRUE(store->script_problems().empty());
    ASSERT_TRUE(store->remove("MeshProxyPatch/default/p"));
  }
  write("filter.yaml", filter(good));
  {
    EXPECT_EQ(open()->in_force().size(), 2);
  }
  swap(root_ + "/state/last-good");
  write("filter.yaml", filter(bad));
  const auto store = open();
  EXPECT_EQ(store->in_force().size(), 2);
  EXPECT_EQ(store->script_problems().size(), 1);
  EXPECT_EQ(store->bad(), 1) << "and the file is told of as it is";
}

TEST_F(StoreTest, TellsOfStoredDocumentsThatThisVersionCannotTake) {
  const std::string key = "MeshTimeout/default/slow";
  const std::string timeout =
      "type: MeshTimeout\nmesh: default\nname: slow\nspec: {to: [{targetRef: {kind: Mesh}, default: "
      "{connectionTimeout: 5s}}]}\n";
  write("mesh.yaml", kMesh);
  {
    const auto store = open();
    ASSERT_TRUE(store->put(judge_documents(timeout, "apply", dialect, false)));
  }
  const auto spoil = [&] {
    for (const auto& entry : std::filesystem::directory_iterator(root_ + "/state/resources")) {
      std::string text = timeout;
      if (entry.is_regular_file())
        std::ofstream(entry.path(), std::ios::trunc) << text.replace(text.find("5s"), 2, "soon");
    }
  };
  spoil();
  const auto store = open();
  EXPECT_EQ(store->in_force().size(), 1);
  ASSERT_EQ(store->spoilt().size(), 1);
  EXPECT_NE(store->spoilt()[0].find("connectionTimeout"), std::string::npos) << store->spoilt()[0];
  EXPECT_EQ(store->bad(), 1);
  ASSERT_TRUE(store->put(judge_documents(timeout, "apply", dialect, false)));
  EXPECT_TRUE(store->spoilt().empty());
  EXPECT_EQ(store->bad(), 0);
  EXPECT_EQ(store->in_force().size(), 2);
  spoil();
  const auto again = open();
  ASSERT_EQ(again->spoilt().size(), 1);
  ASSERT_TRUE(again->remove(key));
  EXPECT_TRUE(again->spoilt().empty());
  EXPECT_EQ(again->bad(), 0);
  EXPECT_TRUE(open()->spoilt().empty());
}

using test::repeated;

// The way of an apply, and of a file of the directory, for what HostileText asks of the reader alone.
TEST_F(StoreTest, RefusesHostileTextSoon) {
  const std::pair<std::string, const char*> hostile[] = {
      {std::string(100'000'000, 'a'), "larger than 8388608 bytes"},
      {repeated(10'000, "[") + repeated(10'000, "]"), "nested deeper"},
      {repeated(10'000, "{a: "), "nested deeper"},
      {test::billion_laughs(), "aliases counted as what they repeat"},
      {"type: Mesh\nname: \xff\n", "not valid UTF-8"},
      {repeated(700'000, "a\n---\n"), "more than 20000 documents"}};
  for (const auto& [text, reason] : hostile) {
    const auto start = std::clock();
    const auto documents = judge_documents(text, "apply", dialect, false);
    EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 10);
    ASSERT_EQ(documents.size(), 1) << reason;
    EXPECT_EQ(documents[0]->resource, nullptr);
    EXPECT_NE(documents[0]->diagnostics.text().find(reason), std::string::npos)
        << documents[0]->diagnostics.text().substr(0, 300);
  }
}

TEST_F(StoreTest, KeepsTheLastScriptThatCompiled) {
  write("a.yaml", filter("\"x = 1\""));
  const auto store = open();
  ASSERT_EQ(store->in_force().size(), 1);
  const auto before = store->in_force().front();
  write("a.yaml", filter("\"x = = 1\""));
  EXPECT_TRUE(store->rescan());
  EXPECT_EQ(store->in_force().front(), before);
  EXPECT_EQ(store->bad(), 1);
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

// Whatever was applied and removed, the set is the one that a start would find.
TEST_F(StoreTest, FollowsChangesAsIfReadAnew) {
  const auto seed = std::random_device{}();
  std::mt19937 random(seed);
  write("a.yaml", kMesh + "---\n" + timeout("t0", "1s") + "---\n" + timeout("t1", "1s"));
  const auto store = open();
  const auto in_force = [](const Store& one) {
    std::multiset<std::string> out;
    for (const auto& resource : one.in_force()) out.insert(resource->key() + resource->body.to_json());
    return out;
  };
  const auto listed = [](Store& one) {
    std::vector<std::tuple<std::string, std::string, bool, bool, bool, bool>> out;
    for (const auto& d : one.documents())
      out.emplace_back(d.document->key, d.document->text, d.applied, d.in_force, d.shadowed,
                       d.problem.empty());
    return out;
  };
  for (int step = 0; step < 200; ++step) {
    const auto name = "t" + std::to_string(random() % 10);
    if (random() % 3 == 0) {
      static_cast<void>(store->remove("MeshTimeout/default/" + name));
    } else {
      const auto text = timeout(name, std::to_string(random() % 5 + 1) + "s");
      static_cast<void>(store->put(judge_documents(text, "request", policy::Dialect::kuma_2, false)));
    }
    const auto anew = open();
    ASSERT_EQ(in_force(*store), in_force(*anew)) << "seed " << seed;
    if (random() % 4 != 0) continue;
    ASSERT_EQ(listed(*store), listed(*anew)) << "seed " << seed;
    for (const auto& d : store->documents())
      if (d.in_force) ASSERT_EQ(store->find(d.document->key), &d) << "seed " << seed;
  }
}

}  // namespace
}  // namespace sluice::agent
