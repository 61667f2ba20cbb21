// The one form of MeshProxyPatch that has a meaning outside of Envoy: a modification that adds a Lua filter
// with its code inline to the requests of inbound or outbound listeners.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include "policy/document/node.h"

namespace sluice::policy {

inline constexpr std::string_view kLuaOnErrorLabel = "sluice.io/lua-on-error";

inline constexpr std::size_t kMaxLuaPatchCode = std::size_t{256} << 10U;  // bytes

struct LuaPatch {
  std::string name;  // of the filter
  std::string code;
  bool first = false;  // before all filters there are, else after them
  bool inbound = true;
  bool outbound = true;
  const Node* tags = nullptr;  // listenerTags; null: every listener
};

// The error says what makes it anything else. Borrows the node.
std::expected<LuaPatch, std::string> lua_patch(const Node& modification);

}  // namespace sluice::policy
