#include "data.h"

#include <fstream>
#include <sstream>

namespace sluice::conformance {

Outcome<std::string> read_text(const std::filesystem::path& path) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(path, failed);
  if (failed) return fault_errno("read " + path.string(), failed.value());
  if (size > kMaxFile) return fault(path.string() + " is too large");
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  if (!in) return fault("read " + path.string() + " failed");
  return std::move(out).str();
}

Outcome<Json> read_json(const std::filesystem::path& path) {
  const auto text = read_text(path);
  if (!text) return std::unexpected(text.error());
  auto json = Json::parse(*text, nullptr, false);
  if (json.is_discarded()) return fault(path.string() + " is no JSON");
  return json;
}

Outcome<std::vector<Json>> read_index(const std::filesystem::path& path) {
  const auto text = read_text(path);
  if (!text) return std::unexpected(text.error());
  std::vector<Json> out;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    auto json = Json::parse(line, nullptr, false);
    if (!json.is_object())
      return fault(path.string() + ": line " + std::to_string(out.size() + 1) + " is no object");
    out.push_back(std::move(json));
  }
  return out;
}

const Json& member(const Json& object, const char* key) {
  static const Json kNull = nullptr;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

std::string text_of(const Json& object, const char* key) {
  const auto& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

}  // namespace sluice::conformance
