// What the control socket answers: one table of method, path, access and query names, held against
// docs/control-api.yaml by a test, and the function that picks the handler. No sockets, no HTTP library.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/agent_api.h"
#include "control/http.h"
#include "control/json.h"

namespace sluice::control {

// One answer and what the server does once it has been sent.
struct Answer {
  Response response;
  bool shutdown = false;  // end the daemon (after uninstall)
};

// Captured {names} of the path, in order.
using PathValues = std::vector<std::string>;

struct Route {
  std::string_view method;
  std::string_view pattern;               // "/v1/resources/{kind}/{name}"
  Access access;                          // least access of the peer
  std::array<std::string_view, 5> query;  // names it knows; empty ones are unused
  Answer (*handle)(agent::AgentApi& api, const Request& request, const PathValues& values);
};

std::span<const Route> routes();

// Checks path, method, access and query names, then runs the handler. Never throws for anything in `request`.
Answer answer(agent::AgentApi& api, const Request& request);

// 200 with this JSON.
Answer json_answer(const Json& json);
Answer refuse(unsigned status, const Fault& fault);

// Value of a query name; empty when absent.
std::string query_text(const Request& request, std::string_view name);

}  // namespace sluice::control
