// What changes in a head on its way through the proxy. Borrows everything; empty changes nothing.
#pragma once

#include <span>
#include <string_view>

namespace sluice::http {

struct SetField {
  std::string_view name;
  std::string_view value;
};

struct Edits {
  std::string_view target{};        // replaces path and query
  std::string_view authority{};     // replaces Host or :authority
  std::span<const SetField> set{};  // replaces what came by that name
  std::span<const SetField> add{};  // beside what came
  std::span<const std::string_view> remove{};
};

}  // namespace sluice::http
