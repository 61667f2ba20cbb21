// A hostile client of the control socket, behind the HTTP library. The input is "ACCESS METHOD PATH[?QUERY]"
// on one line (ACCESS: n, r or c for none, read, change) and the body after it. Whatever comes, the answer is
// well formed, and who may not change has changed nothing.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "control/routes.h"
#include "tests/unit/control/fake_agent.h"

namespace {

using namespace sluice::control;

void require(bool holds) {
  if (!holds) std::abort();
}

// The part of `rest` before `separator`, which is dropped with it.
std::string_view before(std::string_view& rest, char separator) {
  const auto end = std::min(rest.find(separator), rest.size());
  const auto part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

Request request_of(std::string_view input) {
  Request out;
  auto line = before(input, '\n');
  out.body = input;
  const auto access = before(line, ' ');
  out.access = access == "c" ? Access::change : access == "r" ? Access::read : Access::none;
  out.method = before(line, ' ');
  out.path = before(line, '?');
  while (!line.empty()) {
    auto pair = before(line, '&');
    const auto name = before(pair, '=');
    out.query[std::string(name)] = pair;
  }
  return out;
}

void require_well_formed(const Response& response) {
  require(response.status >= 200 && response.status < 600);
  require((response.status == 405) == !response.allow.empty());
  if (response.content_type != "application/json") return;
  const auto json = nlohmann::json::parse(response.body, nullptr, false);
  require(!json.is_discarded());
  if (response.status >= 400) require(json.is_object() && json.contains("error"));
}

void require_untouched(const sluice::agent::FakeAgent& agent) {
  require(agent.applied_.yaml.empty() && agent.applied_.source.empty());
  require(agent.enrolled_.name.empty() && agent.unenrolled_.empty());
  require(agent.removed_.kind.empty() && agent.removed_.name.empty());
  require(agent.level_ == sluice::LogLevel::info && agent.shutdowns_ == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto request = request_of({reinterpret_cast<const char*>(data), size});
  sluice::agent::FakeAgent agent;
  const auto out = answer(agent, request);
  require_well_formed(out.response);
  if (request.access == Access::none) require(out.response.status >= 400);
  if (request.access != Access::change || request.method == "GET") {
    require_untouched(agent);
    require(!out.shutdown);
    require(request.method == "GET" || out.response.status >= 400);
  }
  if (out.shutdown) require(request.method == "POST" && request.path == "/v1/uninstall");
  return 0;
}
