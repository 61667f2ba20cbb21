// Does a script compile? Asked where a policy is judged, so that its author hears of a mistake and not its
// first request. Nothing of the script runs: the state has no library and is gone before the answer is read.
#pragma once

#include <string>
#include <string_view>

namespace sluice::lua {

// What the compiler says, with the script's line ("line 3: ..."); empty when it compiles. Bytecode never
// does. Bounded by the memory that a script may have.
std::string syntax_problem(std::string_view code);

}  // namespace sluice::lua
