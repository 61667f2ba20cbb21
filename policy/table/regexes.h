// The regular expressions of a table, each distinct one compiled once and shared by all routes that use it.
// RE2: time linear in the text, memory bounded by kMaxRegexBytes each. Matching is safe from any thread.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "policy/table/image.h"

namespace re2 {
class RE2;
}

namespace sluice::policy {

class Regex {
 public:
  explicit Regex(std::string_view pattern);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  // Why it did not compile; empty when it did.
  std::string problem() const;
  // What every text that matches starts with; may be empty.
  std::string_view prefix() const { return prefix_; }
  // The whole text.
  bool matches(std::string_view text) const;

 private:
  std::unique_ptr<re2::RE2> compiled_;
  bool ranged_ = false;  // what matches lies between these two
  std::string low_;
  std::string high_;
  std::string_view prefix_;  // of low_
};

class Regexes {
 public:
  // Of everything in the image, those that `before` has shared with it. The error says which one is wrong.
  static std::expected<Regexes, std::string> of(const TableImage& image, const Regexes* before = nullptr);
  // Precondition: the image has it.
  const Regex* find(std::string_view pattern) const { return known_.find(pattern)->second.get(); }

 private:
  std::string add(const std::string& pattern, const Regexes* before);
  std::string add_all(const HttpOutboundImage& outbound, const Regexes* before);
  std::map<std::string, std::shared_ptr<const Regex>, std::less<>> known_;
};

}  // namespace sluice::policy
