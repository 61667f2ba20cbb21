#include "report.h"

#include <fmt/core.h>

#include <algorithm>
#include <ostream>
#include <sstream>

namespace sluice::conformance {

Outcome<KnownDifferences> KnownDifferences::parse(std::string_view text) {
  KnownDifferences out;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    const auto bar = line.find(" | ");
    if (bar == std::string::npos || bar == 0 || bar + 3 == line.size())
      return fault("known differences: \"" + line + "\" is not `ID | REASON`");
    if (out.find(line.substr(0, bar)) != nullptr)
      return fault("known differences: " + line.substr(0, bar) + " stands there twice");
    out.all_.push_back({line.substr(0, bar), line.substr(bar + 3)});
  }
  return out;
}

const KnownDifferences::Known* KnownDifferences::find(const std::string& id) const {
  const auto fits = [&id](const Known& known) {
    if (!known.id.ends_with('*')) return known.id == id;
    return id.starts_with(std::string_view(known.id).substr(0, known.id.size() - 1));
  };
  const auto found = std::ranges::find_if(all_, fits);
  return found == all_.end() ? nullptr : &*found;
}

void Report::judge(const std::string& group, const std::string& id, const std::string& difference) {
  auto& score = scores_[group];
  ++score.total;
  const auto* known = known_.find(id);
  if (known != nullptr) {
    auto& use = uses_[known->id];
    ++use.judged;
    use.failed += difference.empty() ? 0 : 1;
  }
  if (difference.empty()) {
    ++score.passed;
  } else if (known != nullptr) {
    ++score.known;
    out_ << "differs, known: " << id << " (" << known->reason << ")\n";
  } else {
    ++failed_;
    out_ << "FAILED " << id << ": " << difference << "\n";
  }
}

void Report::apart(const std::string& group, const std::string& reason) {
  ++apart_[reason][group];
}

bool Report::finish() {
  Score sum;
  for (const auto& [group, score] : scores_) {
    out_ << fmt::format("{:<48} {}/{}{}\n", group, score.passed, score.total,
                        score.known > 0 ? fmt::format(", {} known to differ", score.known) : "");
    sum.passed += score.passed;
    sum.total += score.total;
  }
  for (const auto& [reason, groups] : apart_) {
    std::size_t count = 0;
    for (const auto& [group, cases] : groups) count += cases;
    out_ << fmt::format("apart: {} ({})\n", reason, count);
    for (const auto& [group, cases] : groups) out_ << fmt::format("  {:<46} {}\n", group, cases);
  }
  std::size_t healed = 0;
  for (const auto& [id, use] : uses_) {
    if (use.failed > 0) continue;
    ++healed;
    out_ << "PASSES although listed as different, take it off the list: " << id << "\n";
  }
  out_ << fmt::format("passed {}/{}, failed {}, listed as different but passing {}\n", sum.passed, sum.total,
                      failed_, healed);
  return failed_ == 0 && healed == 0;
}

}  // namespace sluice::conformance
