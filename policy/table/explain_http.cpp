#include "policy/table/explain_http.h"

#include <string>

#include "policy/table/route_index.h"

namespace sluice::policy {
namespace {

void add(const Table& table, RuleIndex rule, std::string effect, Explanation& out) {
  if (out.rules.size() < kMaxConsidered)
    out.rules.push_back({table.rule(rule), std::move(effect), true, false, {}, true});
}

std::string millis(Nanos value) {
  if (value.count() == 0) return "off";
  return std::to_string(std::chrono::duration_cast<Millis>(value).count()) + " ms";
}

std::string describe(const RouteMatch& match) {
  std::string out;
  if (!match.method.empty()) out += match.method + " ";
  switch (match.path.kind) {
    case PathMatch::Kind::any:
      out += "any path";
      break;
    case PathMatch::Kind::exact:
      out += match.path.value;
      break;
    case PathMatch::Kind::prefix:
      out += match.path.value + (match.path.value.ends_with('/') ? "..." : "/...");
      break;
    case PathMatch::Kind::regex:
      out += "path like " + match.path.value;
      break;
  }
  for (const auto& one : match.headers) out += ", header " + one.name;
  for (const auto& one : match.query) out += ", parameter " + one.name;
  return out;
}

std::string describe(const Table& table, const std::vector<WeightedBackend>& backends) {
  if (backends.empty()) return "the service itself";
  std::string out;
  for (const auto& backend : backends) {
    if (!out.empty()) out += ", ";
    out += backend.service == kNone ? std::string("nothing (500)")
                                    : table.image().services[backend.service].name;
    if (backends.size() > 1) out += " x" + std::to_string(backend.weight);
  }
  return out;
}

void add_cluster(const Table& table, const ClusterImage& cluster, Explanation& out) {
  if (cluster.limits != ConnectionLimits{}) {
    add(table, cluster.limits_rule,
        "at most " + std::to_string(cluster.limits.connections) + " connections, " +
            std::to_string(cluster.limits.requests) + " requests",
        out);
  }
  if (cluster.outlier.enabled) {
    add(table, cluster.outlier_rule, "endpoints that fail are left out for a while", out);
  }
  if (cluster.health.kind != HealthCheck::Kind::none) {
    add(table, cluster.health_rule, "endpoints are checked every " + millis(cluster.health.interval), out);
  }
  if (cluster.balancing != LoadBalancing{})
    add(table, cluster.balancing_rule, "how an endpoint is chosen", out);
}

// "25.5 %", of millionths.
std::string percent(std::uint32_t share) {
  const std::uint32_t tenths = share / 1'000;
  return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10)) + " %";
}

std::string describe(const Fault& fault) {
  std::string out;
  const auto list = [&out](const std::string& text, std::uint32_t share) {
    out += (out.empty() ? "" : ", ") + text + " for " + percent(share);
  };
  if (fault.delay.count() > 0) list("delay " + millis(fault.delay), fault.delay_share);
  if (fault.abort_status != 0) list("answer " + std::to_string(fault.abort_status), fault.abort_share);
  if (fault.bandwidth_kbps != 0)
    list("at most " + std::to_string(fault.bandwidth_kbps) + " kbps", fault.bandwidth_share);
  return out.empty() ? "no fault" : out;
}

}  // namespace

std::string describe(const Table& table, const RouteImage& route) {
  const auto target = route.redirect.status != 0 ? "redirect " + std::to_string(route.redirect.status)
                                                 : describe(table, route.backends);
  return "requests for " + describe(route.match) + " to " + target + ", request timeout " +
         millis(route.timeouts.request);
}

void add_http(const Table& table, const OutboundRoute& route, Explanation& out) {
  if (const auto* http = route.http()) {
    for (const auto& one : http->all()) {
      add(table, one.rule, describe(table, one), out);
      if (const auto* retry = http->retry(one))
        add(table, retry->rule, "up to " + std::to_string(retry->retries) + " retries", out);
      if (one.timeouts.rule != RuleIndex::built_in)
        add(table, one.timeouts.rule, "request timeout " + millis(one.timeouts.request), out);
    }
    out.scripts = http->lua();
    for (const auto& filter : out.scripts) add(table, filter.rule, "Lua filter " + filter.name, out);
  }
  if (!route.split().empty() && out.rules.size() < kMaxConsidered) {
    const std::vector<WeightedBackend> split(route.split().begin(), route.split().end());
    out.rules.push_back(
        {route.split_rule(), "connections to " + describe(table, split), true, false, {}, true});
  }
  if (const auto* cluster = route.cluster()) add_cluster(table, *cluster, out);
}

void add_rate(const Table& table, const ConnectionRate& rate, Explanation& out) {
  add(table, rate.rule, std::to_string(rate.num) + " connections each " + millis(rate.interval), out);
}

void add_http(const Table& table, const HttpInboundImage& inbound, const Peer* peer, Explanation& out) {
  if (const auto* timeouts = timeouts_for(inbound, peer))
    add(table, timeouts->rule, "request timeout " + millis(timeouts->request), out);
  if (const auto* limit = rate_limit_for(inbound, peer); limit != nullptr && limit->num > 0) {
    add(table, limit->rule,
        std::to_string(limit->num) + " requests each " + millis(limit->interval) + ", else " +
            std::to_string(limit->status),
        out);
  }
  for (const auto& one : inbound.faults) {
    if (!all_hold(one.conditions, peer)) continue;
    add(table, one.rule, "fault injection: " + describe(one.fault), out);
    if (one.last) break;
  }
  out.scripts = inbound.lua;
  for (const auto& filter : out.scripts) add(table, filter.rule, "Lua filter " + filter.name, out);
}

}  // namespace sluice::policy
