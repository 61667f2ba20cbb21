// Regular expressions of documents: RE2 syntax, as Go's. The only file that sees RE2 in this folder is
// regex.cpp.
#pragma once

#include <string>
#include <string_view>

namespace sluice::policy {

// Empty when the expression compiles, else why not. Bounded: RE2 refuses what needs more than 1 MiB.
std::string regex_problem(std::string_view pattern);

}  // namespace sluice::policy
