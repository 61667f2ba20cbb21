#include "policy/kinds/log_format.h"

#include <algorithm>
#include <optional>

namespace sluice::policy {
namespace {

struct Operator {
  std::string_view whole;  // with the percent signs
  std::string_view name;
  std::optional<std::string_view> arguments;
  std::optional<std::string_view> limit;
};

std::size_t length_of(std::string_view text, bool (*accepts)(char)) {
  return static_cast<std::size_t>(std::ranges::find_if_not(text, accepts) - text.begin());
}
bool is_name_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Precondition: text starts with a percent sign.
std::optional<Operator> read_operator(std::string_view text) {
  Operator out;
  auto rest = text.substr(1);
  out.name = rest.substr(0, length_of(rest, is_name_char));
  rest.remove_prefix(out.name.size());
  if (out.name.empty()) return std::nullopt;
  if (rest.starts_with('(')) {
    const auto close = rest.find(')');
    if (close == std::string_view::npos) return std::nullopt;
    out.arguments = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
  }
  if (rest.starts_with(':')) {
    rest.remove_prefix(1);
    out.limit = rest.substr(0, length_of(rest, is_digit));
    rest.remove_prefix(out.limit->size());
    if (out.limit->empty()) return std::nullopt;
  }
  if (!rest.starts_with('%')) return std::nullopt;
  out.whole = text.substr(0, text.size() - rest.size() + 1);
  return out;
}

// strftime's %n, with flags and width.
bool holds_newline_specifier(std::string_view text) {
  for (auto at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
    auto rest = text.substr(at + 1);
    rest.remove_prefix(length_of(rest, [](char c) { return std::string_view("-_0^#").contains(c); }));
    rest.remove_prefix(length_of(rest, [](char c) { return c >= '1' && c <= '9'; }));
    if (rest.starts_with('n')) return true;
  }
  return false;
}

// A header, and behind a question mark one to take its place.
std::string header_problem(std::string_view arguments) {
  if (std::ranges::count(arguments, '?') > 1) return "more than 1 alternative header specified";
  constexpr std::string_view kNewlines("\0\r\n", 3);
  if (arguments.find_first_of(kNewlines) != std::string_view::npos) return "header name contains a newline";
  return {};
}

std::string operator_problem(const Operator& one) {
  constexpr std::size_t kLimitDigits = 18;
  if (one.limit && one.limit->size() > kLimitDigits) return "length must be an integer";
  if (one.name == "START_TIME") {
    return holds_newline_specifier(one.arguments.value_or("")) ? "start time format string contains a newline"
                                                               : std::string();
  }
  const bool header = one.name == "REQ" || one.name == "RESP" || one.name == "TRAILER";
  const bool state = one.name == "FILTER_STATE";
  if (header || state || one.name == "DYNAMIC_METADATA") {
    if (!one.arguments || (state && one.arguments->empty())) return "the command requires an argument";
    return header ? header_problem(*one.arguments) : std::string();
  }
  return one.arguments || one.limit ? "the command doesn't support arguments or max length constraint"
                                    : std::string();
}

}  // namespace

std::string log_format_problem(std::string_view text) {
  for (std::size_t at = text.find('%'); at != std::string_view::npos;) {
    const auto one = read_operator(text.substr(at));
    if (!one) {
      return "format string is not valid: expected a command operator to start at position " +
             std::to_string(at + 1);
    }
    if (const auto problem = operator_problem(*one); !problem.empty())
      return "format string is not valid: " + problem + " in " + std::string(one->whole);
    at = text.find('%', at + one->whole.size());
  }
  return {};
}

}  // namespace sluice::policy
