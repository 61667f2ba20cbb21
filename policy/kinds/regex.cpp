#include "policy/kinds/regex.h"

#include <re2/re2.h>

namespace sluice::policy {

std::string regex_problem(std::string_view pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  const re2::RE2 compiled(re2::StringPiece(pattern.data(), pattern.size()), options);
  return compiled.ok() ? std::string() : compiled.error();
}

}  // namespace sluice::policy
