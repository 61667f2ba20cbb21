#include "control/routes.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "control/handlers.h"

namespace sluice::control {
namespace {

constexpr std::array kRoutes = {
    Route{"GET", "/v1/version", Access::read, {}, get_version},
    Route{"GET", "/v1/status", Access::read, {}, get_status},
    Route{"GET", "/v1/check", Access::read, {}, get_check},
    Route{"GET", "/v1/workloads", Access::read, {}, get_workloads},
    Route{"POST", "/v1/workloads", Access::change, {}, post_workloads},
    Route{"DELETE", "/v1/workloads/{name}", Access::change, {"mesh"}, delete_workload},
    Route{"GET", "/v1/resources", Access::read, {"kind", "mesh"}, get_resources},
    Route{"POST", "/v1/resources", Access::change, {"source", "strict", "dry_run"}, post_resources},
    Route{"GET", "/v1/resources/{kind}/{name}", Access::read, {"mesh"}, get_resource},
    Route{"DELETE", "/v1/resources/{kind}/{name}", Access::change, {"mesh"}, delete_resource},
    Route{"GET", "/v1/connections", Access::read, {"workload", "state", "limit"}, get_connections},
    Route{"GET", "/v1/explain", Access::read, {"id", "client", "from", "to"}, get_explain},
    Route{"GET", "/v1/certs", Access::read, {}, get_certs},
    Route{"GET", "/v1/log", Access::read, {}, get_log},
    Route{"PUT", "/v1/log", Access::change, {}, put_log},
    Route{"POST", "/v1/uninstall", Access::change, {}, post_uninstall},
    Route{"POST", "/v1/upgrade", Access::change, {}, post_upgrade},
    Route{"GET", "/metrics", Access::read, {}, get_metrics},
};

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const auto end = std::min(path.find('/'), path.size());
    out.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return out;
}

// Fills `values` with the captured parts when `path` fits `pattern`.
bool fits(std::string_view pattern, std::string_view path, PathValues& values) {
  values.clear();
  const auto wanted = segments(pattern);
  const auto given = segments(path);
  if (wanted.size() != given.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].starts_with('{')) {
      if (given[i].empty()) return false;
      values.emplace_back(given[i]);
    } else if (wanted[i] != given[i]) {
      return false;
    }
  }
  return true;
}

Answer wrong_method(const Request& request, const std::string& allowed) {
  auto answer = refuse(405, Fault{fmt::format("{} is not answered to {}", request.path, request.method),
                                  fmt::format("methods here: {}", allowed)});
  answer.response.allow = allowed;
  return answer;
}

// What is wrong with who asks and with the query, if anything.
std::optional<Answer> objection(const Route& route, const Request& request) {
  if (request.access == Access::none)
    return refuse(
        403, Fault{"this user may not use the control socket", "run as root or join the group `sluice`"});
  if (route.access == Access::change && request.access != Access::change)
    return refuse(403,
                  Fault{fmt::format("this user may look but not change ({} {})", route.method, route.pattern),
                        "run as root"});
  for (const auto& [name, value] : request.query) {
    if (!name.empty() && std::find(route.query.begin(), route.query.end(), name) != route.query.end())
      continue;
    return refuse(400, Fault{fmt::format("unknown query parameter '{}' for {}", name, route.pattern),
                             "docs/control-api.yaml lists the parameters"});
  }
  return std::nullopt;
}

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

Answer answer(agent::AgentApi& api, const Request& request) {
  std::string allowed;
  PathValues values;
  if (!request.path.starts_with('/')) return refuse(400, Fault{"the path must start with '/'", ""});
  for (const Route& route : kRoutes) {
    if (!fits(route.pattern, request.path, values)) continue;
    if (route.method != request.method) {
      if (!allowed.empty()) allowed += ", ";
      allowed += route.method;
      continue;
    }
    if (auto refused = objection(route, request)) return *std::move(refused);
    return route.handle(api, request, values);
  }
  if (!allowed.empty()) return wrong_method(request, allowed);
  return refuse(
      404, Fault{fmt::format("no such path: {}", request.path), "docs/control-api.yaml lists the paths"});
}

Answer json_answer(const Json& json) {
  Answer out;
  out.response.body = to_text(json);
  return out;
}

Answer refuse(unsigned status, const Fault& fault) {
  return Answer{error_response(status, fault), false};
}

std::string query_text(const Request& request, std::string_view name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? std::string() : found->second;
}

}  // namespace sluice::control
