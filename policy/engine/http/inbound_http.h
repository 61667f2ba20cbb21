// What one local server workload does with requests and connections at each of its inbounds: MeshRateLimit,
// MeshFaultInjection, the HTTP part of MeshTimeout, MeshCircuitBreaker towards the application, and Lua
// filters.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "policy/document/diagnostic.h"
#include "policy/engine/entries.h"
#include "policy/engine/http/lua_filters.h"
#include "policy/engine/rule_book.h"
#include "policy/table/image.h"

namespace sluice::policy {

// The parts of an InboundImage.
struct InboundHttp {
  std::optional<HttpInboundImage> http;
  std::optional<ClusterImage> cluster;
  ConnectionRate connection_rate;
};

class ServerHttp {
 public:
  ServerHttp(const MeshWorld& mesh, const DataplaneModel& server, RuleBook& rules);
  InboundHttp of(std::size_t inbound) const;

 private:
  HttpInboundImage requests(std::size_t inbound, bool& asked) const;

  const MeshWorld& mesh_;
  const DataplaneModel& server_;
  RuleBook& rules_;
  SelectedPolicies timeouts_;
  SelectedPolicies rate_limits_;
  SelectedPolicies faults_;
  SelectedPolicies breakers_;
  LuaFilters lua_;
};

}  // namespace sluice::policy
