// Reading the daemon's JSON without exceptions: a field that is missing or of another type (an older or newer
// daemon) reads as empty.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace sluice::ctl {

using Json = nlohmann::ordered_json;

// The member, or null.
const Json& field(const Json& object, std::string_view name);
std::string text(const Json& object, std::string_view name);
bool flag(const Json& object, std::string_view name);
double number(const Json& object, std::string_view name);
std::uint64_t whole(const Json& object, std::string_view name);
// The member as a list; empty when it is none.
const Json& list(const Json& object, std::string_view name);
// Text members of a list, joined.
std::string joined(const Json& array, std::string_view separator);

}  // namespace sluice::ctl
