#include "policy/engine/http/client_http.h"

#include <algorithm>
#include <string>
#include <utility>

#include "policy/engine/http/breakers.h"
#include "policy/engine/http/health.h"
#include "policy/engine/http/http_timeouts.h"
#include "policy/engine/http/retries.h"
#include "policy/engine/http/values.h"

namespace sluice::policy {
namespace {

bool is_http(Protocol protocol) {
  return protocol == Protocol::http || protocol == Protocol::http2 || protocol == Protocol::grpc;
}

// The number of an equal one, which is added when there is none.
std::uint32_t add_once(RetryImage retry, std::vector<RetryImage>& list) {
  const auto known = std::ranges::find(list, retry);
  if (known != list.end()) return static_cast<std::uint32_t>(known - list.begin());
  list.push_back(std::move(retry));
  return static_cast<std::uint32_t>(list.size() - 1);
}

bool everything(const RouteMatch& match) {
  return match.method.empty() && match.headers.empty() && match.query.empty() &&
         (match.path.kind == PathMatch::Kind::any ||
          (match.path.kind == PathMatch::Kind::prefix && match.path.value == "/"));
}

}  // namespace

// What the policies say of one service as a whole.
struct ClientHttp::Merged {
  Effective timeouts;
  Effective retries;
  Effective breakers;
  Effective health;
  Effective balancing;
  std::vector<RouteRule> rules;
};

ClientHttp::ClientHttp(const MeshHttp& shared, const DataplaneModel& client, RuleBook& rules)
    : shared_(shared),
      client_(client),
      rules_(rules),
      routes_(shared.mesh(), "MeshHTTPRoute", client),
      tcp_routes_(shared.mesh(), "MeshTCPRoute", client),
      timeouts_(shared.mesh(), "MeshTimeout", client),
      retries_(shared.mesh(), "MeshRetry", client),
      breakers_(shared.mesh(), "MeshCircuitBreaker", client),
      health_(shared.mesh(), "MeshHealthCheck", client),
      balancing_(shared.mesh(), "MeshLoadBalancingStrategy", client),
      lua_(shared.mesh(), client, rules) {}

struct ClientHttp::Items {
  std::vector<PolicyItem> routes;
  std::vector<PolicyItem> tcp_routes;
  std::vector<PolicyItem> timeouts;
  std::vector<PolicyItem> retries;
  std::vector<PolicyItem> breakers;
  std::vector<PolicyItem> health;
  std::vector<PolicyItem> balancing;

  // Do they mean the same for services whose endpoints, names and routes differ?
  bool alike() const { return routes.empty() && tcp_routes.empty() && balancing.empty(); }
  Said said(const Protocol& protocol) const {
    static constexpr char kProtocols[8] = {};
    Said out{&kProtocols[static_cast<std::size_t>(protocol)]};
    for (const auto* list : {&timeouts, &retries, &breakers, &health}) {
      for (const auto& item : *list) out.push_back(item.item);
      out.push_back(nullptr);
    }
    return out;
  }
};

ClientHttp::Items ClientHttp::items_for(const ServiceModel& service) const {
  return {routes_.for_service(service),   tcp_routes_.for_service(service), timeouts_.for_service(service),
          retries_.for_service(service),  breakers_.for_service(service),   health_.for_service(service),
          balancing_.for_service(service)};
}

const OutboundHttp& ClientHttp::of(const ServiceModel& service) {
  auto items = items_for(service);
  const bool same_places = shared_.zones().one && service.priorities.empty();
  if (!items.alike() || !same_places || !lua_.empty()) return last_ = make(service, items);
  const auto [found, fresh] = known_.try_emplace(items.said(service.protocol));
  if (fresh) found->second = make(service, items);
  return found->second;
}

OutboundHttp ClientHttp::make(const ServiceModel& service, const Items& items) {
  OutboundHttp out;
  const Merged merged{Effective(items.timeouts), Effective(items.retries),   Effective(items.breakers),
                      Effective(items.health),   Effective(items.balancing), route_rules(items.routes)};
  ClusterImage cluster;
  add_health(merged.health, service.protocol, rules_, cluster);
  add_breaker(merged.breakers, rules_, cluster);
  add_balancer(merged.balancing, rules_, cluster);
  add_places(merged.balancing, shared_.mesh(), shared_.zones(), client_, service, cluster);
  if (const auto* tcp = merged.retries.conf().find("tcp"); tcp != nullptr && !is_http(service.protocol))
    cluster.tcp_connect_attempts = count_of(*tcp, "maxConnectAttempt");
  auto http = requests(service, merged, cluster);
  if (cluster != ClusterImage{}) out.cluster = clusters_.add(std::move(cluster));
  // Routes for requests hide those for connections, which hide what else is said of requests.
  if (merged.rules.empty() || !is_http(service.protocol)) add_split(service, out);
  if (http && out.split.empty()) out.http = http_.add(*std::move(http));
  return out;
}

void ClientHttp::add_split(const ServiceModel& service, OutboundHttp& out) const {
  const auto items = tcp_routes_.for_service(service);
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    const auto* rules = item->item->find("rules");
    const auto* refs = rules == nullptr || rules->items.empty()
                           ? nullptr
                           : rules->items.front().find_path({"default", "backendRefs"});
    if (refs == nullptr) continue;
    out.split = backends_of(refs, *item->policy, [&](const Node& ref, const Resource& policy) {
      return shared_.backend(ref, policy, false);
    });
    out.split_rule = rules_.add(item->policy->origin(refs->mark));
    return;
  }
}

// A connection is looked into only when some policy asks for what bytes alone cannot give.
std::optional<HttpOutboundImage> ClientHttp::requests(const ServiceModel& service, const Merged& merged,
                                                      const ClusterImage& cluster) {
  if (!is_http(service.protocol)) return std::nullopt;
  HttpOutboundImage out;
  out.lua = lua_.towards(service);
  for (const auto& one : ordered_matches(merged.rules)) {
    if (out.routes.size() + 1 >= kMaxRoutes) {
      too_many(*one.rule);
      break;
    }
    add_route(one, service, out);
  }
  // Whatever else is asked for goes to the destination itself, unless a route takes everything.
  const auto last =
      std::ranges::find_if(out.routes, [](const RouteImage& route) { return everything(route.match); });
  if (last != out.routes.end()) {
    auto rest = *last;
    rest.match = {};
    out.routes.push_back(std::move(rest));
  } else {
    RouteImage rest;
    settle(nullptr, service, rest, out);
    out.routes.push_back(std::move(rest));
  }
  const bool asked = !merged.rules.empty() || !out.lua.empty() || !out.retries.empty() ||
                     asks_for_http_timeouts(merged.timeouts) || asks_for_balancing(merged.balancing) ||
                     breaker_asks_for_requests(cluster, merged.breakers) ||
                     cluster.health.kind != HealthCheck::Kind::none;
  return asked ? std::optional(std::move(out)) : std::nullopt;
}

void ClientHttp::add_route(const OrderedMatch& one, const ServiceModel& service, HttpOutboundImage& out) {
  auto route = route_of(
      one, [&](const Node& ref, const Resource& policy) { return shared_.backend(ref, policy, true); });
  // MeshHttp has told of it.
  if (!match_problem(route.match).empty()) return;
  route.rule = rules_.add(one.rule->origin);
  settle(one.rule->route, service, route, out);
  out.routes.push_back(std::move(route));
}

// Timeouts, retries and hash policies. `route` null: those of the service as a whole.
void ClientHttp::settle(const Resource* route, const ServiceModel& service, RouteImage& out,
                        HttpOutboundImage& image) {
  const auto of = [&](const AimedItems& items) {
    return Effective(route == nullptr ? items.for_service(service) : items.for_route(service, *route));
  };
  out.timeouts = outbound_http_timeouts(of(timeouts_), rules_);
  if (auto retry = retries_of(of(retries_), service.protocol, rules_))
    out.retry = add_once(std::move(*retry), image.retries);
  out.hash_policies = hash_policies_of(of(balancing_));
}

void ClientHttp::too_many(const RouteRule& rule) {
  diagnostics_.add({Severity::error, Stage::support, rule.route->file, rule.route->mark, "spec.to",
                    "more than " + std::to_string(kMaxRoutes) + " matches speak of one service; " +
                        "those after them are left out",
                    "divide the service, or write fewer matches"});
}

}  // namespace sluice::policy
