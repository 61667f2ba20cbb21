#include "lua/pattern.h"

#include <cctype>
#include <optional>

namespace sluice::lua {
namespace {

constexpr char kEscape = '%';
constexpr int kDepthMax = 150;

bool in_class(unsigned char c, char name) {
  bool holds = false;
  switch (std::tolower(static_cast<unsigned char>(name))) {
    case 'a':
      holds = std::isalpha(c) != 0;
      break;
    case 'c':
      holds = std::iscntrl(c) != 0;
      break;
    case 'd':
      holds = std::isdigit(c) != 0;
      break;
    case 'g':
      holds = std::isgraph(c) != 0;
      break;
    case 'l':
      holds = std::islower(c) != 0;
      break;
    case 'p':
      holds = std::ispunct(c) != 0;
      break;
    case 's':
      holds = std::isspace(c) != 0;
      break;
    case 'u':
      holds = std::isupper(c) != 0;
      break;
    case 'w':
      holds = std::isalnum(c) != 0;
      break;
    case 'x':
      holds = std::isxdigit(c) != 0;
      break;
    case 'z':
      holds = c == 0;
      break;
    default:
      return static_cast<unsigned char>(name) == c;
  }
  return std::isupper(static_cast<unsigned char>(name)) != 0 ? !holds : holds;
}

// One attempt at one place. Positions are indexes; nothing: no match from here.
class Matcher {
 public:
  Matcher(std::string_view text, std::string_view pattern, std::uint64_t& steps)
      : text_(text), pattern_(pattern), steps_(steps) {}

  std::optional<std::size_t> match(std::size_t at, std::size_t p);
  void reset() { level_ = 0; }
  Match::Kind trouble() const { return trouble_; }  // none: all is well
  const char* problem() const { return problem_; }
  bool finish(Match& match);

 private:
  static constexpr std::size_t kOpen = ~std::size_t{0};
  static constexpr std::size_t kPosition = kOpen - 1;

  std::optional<std::size_t> malformed(const char* why) {
    if (trouble_ == Match::Kind::none) problem_ = why;
    trouble_ = Match::Kind::malformed;
    return std::nullopt;
  }
  bool pay(std::uint64_t cost = 1) {
    if (trouble_ != Match::Kind::none) return false;
    if (steps_ < cost) {
      steps_ = 0;
      trouble_ = Match::Kind::overrun;
      return false;
    }
    steps_ -= cost;
    return true;
  }
  std::size_t item_end(std::size_t p);
  bool single(std::size_t at, std::size_t p, std::size_t end) const;
  bool in_set(unsigned char c, std::size_t p, std::size_t last) const;
  std::optional<std::size_t> item(std::size_t at, std::size_t p);
  std::optional<std::size_t> longest(std::size_t at, std::size_t p, std::size_t end);
  std::optional<std::size_t> shortest(std::size_t at, std::size_t p, std::size_t end);
  std::optional<std::size_t> open(std::size_t at, std::size_t p, std::size_t kind);
  std::optional<std::size_t> close(std::size_t at, std::size_t p);
  std::optional<std::size_t> balance(std::size_t at, std::size_t p);
  std::optional<std::size_t> frontier(std::size_t at, std::size_t p);
  std::optional<std::size_t> back_reference(std::size_t at, char digit);

  std::string_view text_;
  std::string_view pattern_;
  std::uint64_t& steps_;
  std::size_t level_ = 0;
  std::array<Capture, kCapturesMax> captures_{};
  int depth_ = 0;
  Match::Kind trouble_ = Match::Kind::none;
  const char* problem_ = "";
};

// Behind the single item that begins at p; 0 when it is malformed.
std::size_t Matcher::item_end(std::size_t p) {
  const char c = pattern_[p++];
  if (c == kEscape) {
    if (p < pattern_.size()) return p + 1;
    malformed("malformed pattern (ends with '%')");
    return 0;
  }
  if (c != '[') return p;
  if (p < pattern_.size() && pattern_[p] == '^') ++p;
  do {  // a ']' in the first place means itself
    if (p >= pattern_.size()) {
      malformed("malformed pattern (missing ']')");
      return 0;
    }
    if (pattern_[p++] == kEscape) ++p;
  } while (p >= pattern_.size() || pattern_[p] != ']');
  return p + 1;
}

// The set between '[' at p and ']' at last.
bool Matcher::in_set(unsigned char c, std::size_t p, std::size_t last) const {
  const bool wanted = pattern_[p + 1] != '^';
  if (!wanted) ++p;
  while (++p < last) {
    if (pattern_[p] == kEscape) {
      if (in_class(c, pattern_[++p])) return wanted;
    } else if (pattern_[p + 1] == '-' && p + 2 < last) {
      if (static_cast<unsigned char>(pattern_[p]) <= c && c <= static_cast<unsigned char>(pattern_[p + 2])) {
        return wanted;
      }
      p += 2;
    } else if (static_cast<unsigned char>(pattern_[p]) == c) {
      return wanted;
    }
  }
  return !wanted;
}

bool Matcher::single(std::size_t at, std::size_t p, std::size_t end) const {
  if (at >= text_.size()) return false;
  const auto c = static_cast<unsigned char>(text_[at]);
  switch (pattern_[p]) {
    case '.':
      return true;
    case kEscape:
      return in_class(c, pattern_[p + 1]);
    case '[':
      return in_set(c, p, end - 1);
    default:
      return static_cast<unsigned char>(pattern_[p]) == c;
  }
}

std::optional<std::size_t> Matcher::match(std::size_t at, std::size_t p) {
  if (++depth_ > kDepthMax) return malformed("pattern too complex");
  std::optional<std::size_t> result = at;
  // Items without choice are taken in a loop, the rest recurses.
  while (result && p < pattern_.size()) {
    if (!pay()) {
      result = std::nullopt;
      break;
    }
    const char c = pattern_[p];
    const bool special = c == '(' || c == ')' || (c == '$' && p + 1 == pattern_.size()) ||
                         (c == kEscape && p + 1 < pattern_.size() &&
                          (pattern_[p + 1] == 'b' || pattern_[p + 1] == 'f' ||
                           std::isdigit(static_cast<unsigned char>(pattern_[p + 1])) != 0));
    if (special) {
      result = item(*result, p);
      break;
    }
    const std::size_t end = item_end(p);
    if (end == 0) {
      result = std::nullopt;
      break;
    }
    // What a set costs to try is its length.
    if (end - p > 2 && !pay((end - p) / 4)) {
      result = std::nullopt;
      break;
    }
    const char after = end < pattern_.size() ? pattern_[end] : '\0';
    if (after == '*') {
      result = longest(*result, p, end);
      break;
    }
    if (after == '+') {
      result = single(*result, p, end) ? longest(*result + 1, p, end) : std::nullopt;
      break;
    }
    if (after == '-') {
      result = shortest(*result, p, end);
      break;
    }
    if (after == '?') {
      if (single(*result, p, end)) {
        if (const auto taken = match(*result + 1, end + 1)) {
          result = taken;
          break;
        }
      }
      p = end + 1;
      continue;
    }
    result = single(*result, p, end) ? std::optional(*result + 1) : std::nullopt;
    p = end;
  }
  --depth_;
  return trouble_ == Match::Kind::none ? result : std::nullopt;
}

// The items that are more than one character, and all that follows them.
std::optional<std::size_t> Matcher::item(std::size_t at, std::size_t p) {
  switch (pattern_[p]) {
    case '(':
      return p + 1 < pattern_.size() && pattern_[p + 1] == ')' ? open(at, p + 2, kPosition)
                                                               : open(at, p + 1, kOpen);
    case ')':
      return close(at, p + 1);
    case '$':
      return at == text_.size() ? std::optional(at) : std::nullopt;
    default:
      break;
  }
  if (pattern_[p + 1] == 'b') return balance(at, p + 2);
  if (pattern_[p + 1] == 'f') return frontier(at, p + 2);
  const auto end = back_reference(at, pattern_[p + 1]);
  return end ? match(*end, p + 2) : std::nullopt;
}

std::optional<std::size_t> Matcher::longest(std::size_t at, std::size_t p, std::size_t end) {
  std::size_t count = 0;
  const std::uint64_t cost = 1 + (end - p) / 4;
  while (single(at + count, p, end)) {
    if (!pay(cost)) return std::nullopt;
    ++count;
  }
  for (;; --count) {
    if (const auto result = match(at + count, end + 1)) return result;
    if (count == 0 || !pay()) return std::nullopt;
  }
}

std::optional<std::size_t> Matcher::shortest(std::size_t at, std::size_t p, std::size_t end) {
  for (;; ++at) {
    if (const auto result = match(at, end + 1)) return result;
    if (!pay(1 + (end - p) / 4) || !single(at, p, end)) return std::nullopt;
  }
}

std::optional<std::size_t> Matcher::open(std::size_t at, std::size_t p, std::size_t kind) {
  if (level_ >= kCapturesMax) return malformed("too many captures");
  captures_[level_++] = {at, kind, false};
  const auto result = match(at, p);
  if (!result) --level_;
  return result;
}

std::optional<std::size_t> Matcher::close(std::size_t at, std::size_t p) {
  std::size_t level = level_;
  while (level > 0 && captures_[level - 1].size != kOpen) --level;
  if (level == 0) return malformed("invalid pattern capture");
  Capture& capture = captures_[level - 1];
  capture.size = at - capture.at;
  const auto result = match(at, p);
  if (!result) capture.size = kOpen;
  return result;
}

std::optional<std::size_t> Matcher::balance(std::size_t at, std::size_t p) {
  if (p + 1 >= pattern_.size()) return malformed("unbalanced pattern");
  if (at >= text_.size() || text_[at] != pattern_[p]) return std::nullopt;
  std::size_t depth = 1;
  for (std::size_t i = at + 1; i < text_.size(); ++i) {
    if (!pay()) return std::nullopt;
    if (text_[i] == pattern_[p + 1]) {
      if (--depth == 0) return match(i + 1, p + 2);
    } else if (text_[i] == pattern_[p]) {
      ++depth;
    }
  }
  return std::nullopt;
}

std::optional<std::size_t> Matcher::frontier(std::size_t at, std::size_t p) {
  if (p >= pattern_.size() || pattern_[p] != '[') return malformed("missing '[' after '%f' in pattern");
  const std::size_t end = item_end(p);
  if (end == 0 || !pay((end - p) / 4)) return std::nullopt;
  const auto before = static_cast<unsigned char>(at == 0 ? '\0' : text_[at - 1]);
  const auto here = static_cast<unsigned char>(at < text_.size() ? text_[at] : '\0');
  if (in_set(before, p, end - 1) || !in_set(here, p, end - 1)) return std::nullopt;
  return match(at, end);
}

std::optional<std::size_t> Matcher::back_reference(std::size_t at, char digit) {
  const auto index = static_cast<std::size_t>(digit - '1');
  if (digit == '0' || index >= level_ || captures_[index].size == kOpen) {
    return malformed("invalid capture index");
  }
  if (captures_[index].size == kPosition) return malformed("invalid capture index");
  const auto value = text_.substr(captures_[index].at, captures_[index].size);
  if (!pay(1 + value.size() / 8) || !text_.substr(at).starts_with(value)) return std::nullopt;
  return at + value.size();
}

bool Matcher::finish(Match& match) {
  match.captures = level_;
  for (std::size_t i = 0; i < level_; ++i) {
    match.capture[i] = captures_[i];
    if (captures_[i].size == kOpen) {
      malformed("unfinished capture");
      return false;
    }
    match.capture[i].position = captures_[i].size == kPosition;
    if (match.capture[i].position) match.capture[i].size = 0;
  }
  return true;
}

}  // namespace

Match find_pattern(std::string_view text, std::string_view pattern, std::size_t from, std::uint64_t& steps) {
  Match match;
  const bool anchored = pattern.starts_with('^');
  if (anchored) pattern.remove_prefix(1);
  Matcher matcher(text, pattern, steps);
  for (std::size_t at = from; at <= text.size(); ++at) {
    matcher.reset();
    const auto end = matcher.match(at, 0);
    if (end && matcher.finish(match)) {
      match.kind = Match::Kind::found;
      match.begin = at;
      match.end = *end;
      return match;
    }
    if (matcher.trouble() != Match::Kind::none) {
      match.kind = matcher.trouble();
      match.problem = matcher.problem();
      return match;
    }
    if (anchored) break;
    if (steps == 0) {
      match.kind = Match::Kind::overrun;
      return match;
    }
    --steps;
  }
  return match;
}

bool is_plain(std::string_view pattern) {
  return pattern.find_first_of("^$*+?.([%-") == std::string_view::npos;
}

}  // namespace sluice::lua
