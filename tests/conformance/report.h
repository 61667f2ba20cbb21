// What became of each case: counted per class and kind, failures kept with their difference.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::conformance {

// Cases whose result is known to differ, with the reason. Text, one a line: "VERSION ID | REASON"; #
// comments. An ID that ends with * stands for all that begin so.
class KnownDifferences {
 public:
  static Outcome<KnownDifferences> parse(std::string_view text);
  struct Known {
    std::string id;
    std::string reason;
  };
  // Null when the case must pass.
  const Known* find(const std::string& id) const;

 private:
  std::vector<Known> all_;
};

class Report {
 public:
  Report(const KnownDifferences& known, std::ostream& out) : known_(known), out_(out) {}

  // `group`: "2.14 validate MeshTimeout"; `id`: "2.14 validate/MeshTimeout/x". An empty difference passes.
  void judge(const std::string& group, const std::string& id, const std::string& difference);
  // A case that is not judged, with the reason: counted apart.
  void apart(const std::string& group, const std::string& reason);

  // The table, the cases apart and the sums. True when every failure was known and every known one fails.
  bool finish();

 private:
  struct Score {
    std::size_t passed = 0;
    std::size_t known = 0;
    std::size_t total = 0;
  };

  const KnownDifferences& known_;
  std::ostream& out_;
  std::map<std::string, Score> scores_;
  std::map<std::string, std::map<std::string, std::size_t>> apart_;  // reason -> group -> cases
  struct Use {
    std::size_t judged = 0;
    std::size_t failed = 0;
  };
  std::map<std::string, Use> uses_;  // of the known differences
  std::size_t failed_ = 0;
};

}  // namespace sluice::conformance
