// The enforced kinds against Kuma's own validator cases: verdict, and for refused ones the set of field
// paths.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "policy/document/catalog.h"
#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

struct Score {
  int verdicts = 0;
  int paths = 0;
  int refused = 0;
  int total = 0;
};

// Cases whose result differs, with the reason.
const std::map<std::string, std::string> kKnown{};

std::string text_of(const Node& node, std::string_view key) {
  return std::string(node.text_of(key));
}

std::set<std::string> expected_paths(const Node& record) {
  std::set<std::string> out;
  const auto* violations = record.find("violations");
  if (violations == nullptr) return out;
  for (const auto& violation : violations->items) out.insert(text_of(violation, "field"));
  return out;
}

std::set<std::string> found_paths(const Diagnostics& diagnostics) {
  std::set<std::string> out;
  for (const auto& one : diagnostics.list()) {
    if (one.severity == Severity::error && (one.stage == Stage::semantic || one.stage == Stage::envelope))
      out.insert(one.path);
  }
  return out;
}

std::string joined(const std::set<std::string>& values) {
  std::string out;
  for (const auto& value : values) out += " " + value;
  return out;
}

void judge(const fs::path& root, Dialect dialect, const Node& record, Score& score) {
  const auto id = text_of(record, "kind") + "/" + fs::path(text_of(record, "id")).filename().string();
  const auto pipeline = text_of(record, "pipeline");
  const auto verdict = pipeline.empty() || pipeline == "undecided" ? text_of(record, "verdict") : pipeline;
  CheckOptions options;
  options.dialect = dialect;
  const auto checked = check_text(read_file(root / text_of(record, "file")), id, options);
  const bool accepted = !checked.diagnostics.has_errors();
  ++score.total;
  const bool same_verdict = accepted == (verdict == "valid");
  score.verdicts += same_verdict ? 1 : 0;
  const auto expected = expected_paths(record);
  const auto found = found_paths(checked.diagnostics);
  const bool same_paths = verdict == "valid" || expected == found;
  score.refused += verdict == "valid" ? 0 : 1;
  score.paths += verdict != "valid" && same_paths ? 1 : 0;
  if (same_verdict && same_paths) return;
  const auto known = kKnown.find(id);
  if (known != kKnown.end()) {
    std::printf("  differs, known: %s (%s)\n", id.c_str(), known->second.c_str());
    return;
  }
  ADD_FAILURE() << id << ": wanted " << verdict << joined(expected) << "\n  found" << joined(found) << "\n"
                << checked.diagnostics.text();
}

// Kinds that are looked into in both dialects.
const std::set<std::string> kKinds{"MeshTrafficPermission",
                                   "MeshTimeout",
                                   "MeshTLS",
                                   "MeshPassthrough",
                                   "MeshIdentity",
                                   "MeshTrust",
                                   "MeshRetry",
                                   "MeshCircuitBreaker",
                                   "MeshHealthCheck",
                                   "MeshRateLimit",
                                   "MeshFaultInjection",
                                   "MeshHTTPRoute",
                                   "MeshLoadBalancingStrategy",
                                   "MeshTCPRoute"};

void judge_all(const std::string& version, Dialect dialect, const std::set<std::string>& kinds) {
  const fs::path root = fs::path(SLUICE_CORPUS) / version / "validate";
  std::ifstream index(root / "index.jsonl");
  if (!index) GTEST_SKIP() << "no conformance data at " << root;
  std::map<std::string, Score> scores;
  for (std::string line; std::getline(index, line);) {
    Diagnostics diagnostics;
    const auto records = parse_yaml(line, "index", diagnostics);
    ASSERT_EQ(records.size(), 1U) << diagnostics.text();
    const auto kind = text_of(records[0], "kind");
    if (kinds.contains(kind)) judge(root, dialect, records[0], scores[kind]);
  }
  for (const auto& [kind, score] : scores) {
    std::printf("%s %-22s verdicts %d/%d, paths of refused %d/%d\n", version.c_str(), kind.c_str(),
                score.verdicts, score.total, score.paths, score.refused);
  }
}

TEST(Corpus, ValidatorCasesOfKuma2) {
  auto kinds = kKinds;
  kinds.insert({"Mesh", "Dataplane", "MeshService"});
  judge_all("2.14", Dialect::kuma_2, kinds);
}

TEST(Corpus, ValidatorCasesOfKuma3) {
  judge_all("3.0", Dialect::kuma_3, kKinds);
}

// Documentation examples that upstream's schema accepts must not be refused, unless they hold an old kind.
TEST(Corpus, DocumentationExamplesAreAccepted) {
  const fs::path root = fs::path(SLUICE_CORPUS) / "docs";
  std::ifstream index(root / "index.jsonl");
  if (!index) GTEST_SKIP() << "no conformance data at " << root;
  int accepted = 0;
  int total = 0;
  int old = 0;
  for (std::string line; std::getline(index, line);) {
    Diagnostics diagnostics;
    const auto records = parse_yaml(line, "index", diagnostics);
    ASSERT_EQ(records.size(), 1U) << diagnostics.text();
    const auto* ok = records[0].find_path({"schema", "2.14", "ok"});
    if (ok == nullptr || ok->as_boolean() != true || records[0].find("in_2_14")->as_boolean() != true)
      continue;
    const auto file = text_of(records[0], "file");
    const auto checked = check_text(read_file(root / file), file);
    bool only_old = true;
    for (const auto& one : checked.diagnostics.list()) {
      if (one.severity == Severity::error)
        only_old = only_old && one.message.starts_with("the old policy kind");
    }
    if (!checked.diagnostics.has_errors()) {
      ++accepted;
    } else if (only_old) {
      ++old;
      continue;
    } else {
      std::printf("%s", checked.diagnostics.text().c_str());
    }
    ++total;
  }
  std::printf("documentation: %d/%d accepted, %d with old kinds\n", accepted, total, old);
}

}  // namespace
}  // namespace sluice::policy
