// The Lua filters that MeshProxyPatches give one proxy, for each of its inbounds and destinations
// (kind/lua_patch.h says which patches these are). The policy's label sluice.io/lua-on-error says what an
// error in the script means: "open" lets the request pass, anything else refuses it.
#pragma once

#include <vector>

#include "policy/engine/rule_book.h"
#include "policy/engine/services.h"
#include "policy/kinds/lua_patch.h"
#include "policy/table/image.h"

namespace sluice::policy {

class LuaFilters {
 public:
  LuaFilters(const MeshWorld& mesh, const DataplaneModel& dataplane, RuleBook& rules);
  bool empty() const { return list_.empty(); }
  std::vector<LuaFilter> at_inbound(const InboundModel& inbound) const;
  std::vector<LuaFilter> towards(const ServiceModel& service) const;

 private:
  struct One {
    LuaPatch patch;
    LuaFilter filter;
  };
  std::vector<One> list_;  // in the order in which they run
};

}  // namespace sluice::policy
