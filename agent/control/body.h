// A JSON object from a client, read field by field: wrong types, over-long text and unknown names are one
// Fault that names the field. The JSON library's exceptions stay inside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/json.h"

namespace sluice::control {

class Body {
 public:
  // An empty text counts as {}. Anything but one JSON object is a fault.
  static Outcome<Body> parse(std::string_view text);
  // A member of a list, as taken by objects(); `path` names it in faults.
  Body(Json object, std::string path) : object_(std::move(object)), path_(std::move(path)) {}

  // Each takes a field out; absent or null yields the default. The first problem is kept for finish().
  std::string text(std::string_view name, std::size_t max_bytes);
  bool flag(std::string_view name);
  std::uint32_t number(std::string_view name, std::uint32_t max);
  std::vector<Body> objects(std::string_view name, std::size_t max_count);
  void refuse(std::string_view name, std::string_view why);

  // The first problem, else a fault for a field that nobody took.
  Outcome<> finish() const;

 private:
  Json take(std::string_view name);

  Json object_;
  std::string path_;
  std::optional<Fault> problem_;
};

}  // namespace sluice::control
