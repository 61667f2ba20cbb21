// Names and paths go into logs, metrics, tables of a terminal and dumps as they are, so none may steer what
// shows them.
#pragma once

#include <string>
#include <string_view>

namespace sluice::policy {

// "a control character (U+001B, byte 3)" for the first control (C0, DEL, C1), line or paragraph separator or
// mark that turns the direction of writing; "bytes that are not UTF-8"; empty when it has neither.
std::string control_problem(std::string_view text);

// What to do about it.
inline constexpr const char* kWriteItPlainly = "write it without: letters, digits and punctuation only";

}  // namespace sluice::policy
