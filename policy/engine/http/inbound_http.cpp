#include "policy/engine/http/inbound_http.h"

#include <algorithm>
#include <utility>

#include "policy/engine/http/breakers.h"
#include "policy/engine/http/faults.h"
#include "policy/engine/http/http_timeouts.h"
#include "policy/engine/http/matched_rules.h"
#include "policy/engine/http/values.h"

namespace sluice::policy {
namespace {

bool is_http(Protocol protocol) {
  return protocol == Protocol::http || protocol == Protocol::http2 || protocol == Protocol::grpc;
}

// No limit when it is disabled or gives no rate.
RateLimit rate_limit_of(const Effective& effective, RuleBook& rules) {
  RateLimit out;
  const auto* http = effective.conf().find_path({"local", "http"});
  if (http == nullptr) return out;
  out.rule = rules.add(effective.origin({"local", "http"}));
  const auto* rate = http->find("requestRate");
  if (flag_of(*http, "disabled") || rate == nullptr) return out;
  out.interval = duration_of(*rate, "interval");
  if (out.interval.count() > 0) out.num = count_of(*rate, "num");
  if (const auto* answer = http->find("onRateLimit")) {
    const auto status = count_of(*answer, "status", 429);
    out.status = static_cast<std::uint16_t>(status < 400 || status > 599 ? 429 : status);
    out.headers = header_edits(answer->find("headers"));
  }
  return out;
}

ConnectionRate connection_rate_of(const Effective& effective, RuleBook& rules) {
  ConnectionRate out;
  const auto* tcp = effective.conf().find_path({"local", "tcp"});
  const auto* rate = tcp == nullptr ? nullptr : tcp->find("connectionRate");
  if (rate == nullptr || flag_of(*tcp, "disabled")) return out;
  out.interval = duration_of(*rate, "interval");
  if (out.interval.count() > 0) out.num = count_of(*rate, "num");
  out.rule = rules.add(effective.origin({"local", "tcp"}));
  return out;
}

template <typename T>
void shorten(std::vector<T>& list) {
  if (list.size() > kMaxMatchedRules) list.resize(kMaxMatchedRules);
}

}  // namespace

ServerHttp::ServerHttp(const MeshWorld& mesh, const DataplaneModel& server, RuleBook& rules)
    : mesh_(mesh),
      server_(server),
      rules_(rules),
      timeouts_(SelectedPolicies::of(mesh, "MeshTimeout", server)),
      rate_limits_(SelectedPolicies::of(mesh, "MeshRateLimit", server)),
      faults_(SelectedPolicies::of(mesh, "MeshFaultInjection", server)),
      breakers_(SelectedPolicies::of(mesh, "MeshCircuitBreaker", server)),
      lua_(mesh, server, rules) {}

HttpInboundImage ServerHttp::requests(std::size_t inbound, bool& asked) const {
  HttpInboundImage out;
  const Effective timeouts(timeouts_.inbound_items_for_everybody(inbound));
  asked = asks_for_http_timeouts(timeouts);
  for (const auto& one : matched_confs(timeouts_.inbound_items(inbound))) {
    asked = asked || asks_for_http_timeouts(one.effective);
    out.timeouts.push_back({one.conditions, inbound_http_timeouts(one.effective, rules_)});
  }
  if (out.timeouts.size() >= kMaxMatchedRules) out.timeouts.resize(kMaxMatchedRules - 1);
  out.timeouts.push_back({{}, inbound_http_timeouts(timeouts, rules_)});

  for (const auto& one : matched_confs(rate_limits_.inbound_items(inbound)))
    out.rate_limits.push_back({one.conditions, rate_limit_of(one.effective, rules_)});
  auto everybody = rate_limit_of(Effective(rate_limits_.inbound_items_for_everybody(inbound)), rules_);
  out.rate_limits.push_back({{}, std::move(everybody)});
  // What limits nothing is kept only to hide a later rule.
  while (!out.rate_limits.empty() && out.rate_limits.back().limit.num == 0) out.rate_limits.pop_back();
  shorten(out.rate_limits);

  out.faults = faults_of(mesh_.model.name, faults_.inbound_items(inbound), rules_);
  shorten(out.faults);
  out.lua = lua_.at_inbound(server_.inbounds[inbound]);
  asked = asked || !out.rate_limits.empty() || !out.faults.empty() || !out.lua.empty();
  return out;
}

InboundHttp ServerHttp::of(std::size_t inbound) const {
  InboundHttp out;
  ClusterImage cluster;
  // Rules of a MeshCircuitBreaker have no matches: all of them hold for everybody.
  const Effective breakers(breakers_.inbound_items(inbound));
  add_breaker(breakers, rules_, cluster);
  if (is_http(server_.inbounds[inbound].protocol)) {
    bool asked = false;
    auto http = requests(inbound, asked);
    if (asked || breaker_asks_for_requests(cluster, breakers)) out.http = std::move(http);
  }
  if (cluster != ClusterImage{}) out.cluster = std::move(cluster);
  out.connection_rate =
      connection_rate_of(Effective(rate_limits_.inbound_items_for_everybody(inbound)), rules_);
  return out;
}

}  // namespace sluice::policy
