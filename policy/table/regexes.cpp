#include "policy/table/regexes.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

namespace sluice::policy {
namespace {
// Enough to tell most paths apart; a longer one would not turn more of them away.
constexpr int kRangeBytes = 24;
}  // namespace

Regex::Regex(std::string_view pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxRegexBytes);
  compiled_ = std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  ranged_ = compiled_->ok() && compiled_->PossibleMatchRange(&low_, &high_, kRangeBytes);
  // Whatever lies between two texts starts as both of them do.
  if (ranged_) {
    const auto end = std::ranges::mismatch(low_, high_).in1;
    prefix_ = std::string_view(low_).substr(0, static_cast<std::size_t>(end - low_.begin()));
  }
}

Regex::~Regex() = default;

std::string Regex::problem() const {
  return compiled_->ok() ? std::string() : compiled_->error();
}

bool Regex::matches(std::string_view text) const {
  if (ranged_ && (text < low_ || text > high_)) return false;
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

std::string Regexes::add(const std::string& pattern, const Regexes* before) {
  if (known_.contains(pattern)) return {};
  if (known_.size() >= kMaxRegexes)
    return "more than " + std::to_string(kMaxRegexes) + " regular expressions";
  if (before != nullptr) {
    if (const auto old = before->known_.find(pattern); old != before->known_.end()) {
      known_.insert(*old);
      return {};
    }
  }
  auto regex = std::make_shared<const Regex>(pattern);
  if (auto problem = regex->problem(); !problem.empty())
    return "regular expression " + pattern.substr(0, 64) + ": " + problem;
  known_.emplace(pattern, std::move(regex));
  return {};
}

std::string Regexes::add_all(const HttpOutboundImage& outbound, const Regexes* before) {
  const auto add_texts = [&](const std::vector<TextMatch>& list) {
    for (const auto& match : list) {
      if (match.kind != TextMatch::Kind::regex) continue;
      if (auto problem = add(match.value, before); !problem.empty()) return problem;
    }
    return std::string();
  };
  for (const auto& route : outbound.routes) {
    if (route.match.path.kind == PathMatch::Kind::regex) {
      if (auto problem = add(route.match.path.value, before); !problem.empty()) return problem;
    }
    for (const auto* list : {&route.match.headers, &route.match.query}) {
      if (auto problem = add_texts(*list); !problem.empty()) return problem;
    }
  }
  for (const auto& retry : outbound.retries) {
    for (const auto* list : {&retry.request_headers, &retry.response_headers}) {
      if (auto problem = add_texts(*list); !problem.empty()) return problem;
    }
  }
  return {};
}

std::expected<Regexes, std::string> Regexes::of(const TableImage& image, const Regexes* before) {
  Regexes out;
  for (const auto& outbound : image.http_outbounds) {
    if (auto problem = out.add_all(outbound, before); !problem.empty())
      return std::unexpected("table: " + problem);
  }
  return out;
}

}  // namespace sluice::policy
