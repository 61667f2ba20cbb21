// Any expression through the judge of Kuma's regular expressions: a verdict in bounded time and memory, the
// same one twice, and for what is accepted the expression in a group is accepted as well.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "policy/kinds/regex.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sluice::policy::regex_problem;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto problem = regex_problem(text);
  if (problem != regex_problem(text)) std::abort();
  if (problem.empty() && text.size() < 512 && text.find('\\') == std::string::npos &&
      text.find('(') == std::string::npos && !regex_problem("(?:" + text + ")").empty())
    std::abort();
  return 0;
}
