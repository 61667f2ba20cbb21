// Reading a corpus: JSON and JSON lines, with bounds, errors told with the file's name.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::conformance {

using Json = nlohmann::json;

inline constexpr std::size_t kMaxFile = std::size_t{64} << 20;  // bytes

Outcome<std::string> read_text(const std::filesystem::path& path);
Outcome<Json> read_json(const std::filesystem::path& path);
// One JSON object per line; empty lines are left out.
Outcome<std::vector<Json>> read_index(const std::filesystem::path& path);

// The member as text; empty when there is none.
std::string text_of(const Json& object, const char* key);
// The member, or null.
const Json& member(const Json& object, const char* key);

}  // namespace sluice::conformance
