#include "policy/engine/http/health.h"

#include <algorithm>
#include <chrono>

#include "policy/engine/http/values.h"

namespace sluice::policy {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Kind = HealthCheck::Kind;

bool usable(const Node* checker) {
  return checker != nullptr && !flag_of(*checker, "disabled");
}

// A service of requests is checked by connections only when its own checker is there and disabled.
Kind kind_of(const Node& conf, Protocol protocol) {
  const bool tcp = usable(conf.find("tcp"));
  if (protocol == Protocol::tcp || protocol == Protocol::kafka) return tcp ? Kind::tcp : Kind::none;
  const auto* own = conf.find(protocol == Protocol::grpc ? "grpc" : "http");
  if (own == nullptr) return Kind::none;
  if (!usable(own)) return tcp ? Kind::tcp : Kind::none;
  return protocol == Protocol::grpc ? Kind::grpc : protocol == Protocol::http2 ? Kind::http2 : Kind::http;
}

void read_checker(const Node& conf, HealthCheck& out) {
  if (out.kind == Kind::tcp) {
    const auto& tcp = *conf.find("tcp");
    // As Kuma does it: the text itself, although its documentation speaks of base64.
    out.send = tcp.text_of("send");
    if (const auto* list = tcp.find("receive")) {
      for (const auto& one : list->items) out.receive.push_back(one.scalar);
    }
  } else if (out.kind == Kind::grpc) {
    const auto& grpc = *conf.find("grpc");
    out.grpc_service = grpc.text_of("serviceName");
    out.grpc_authority = grpc.text_of("authority");
  } else {
    const auto& http = *conf.find("http");
    if (const auto path = http.text_of("path"); !path.empty()) out.path = path;
    out.headers = header_edits(http.find("requestHeadersToAdd"));
    out.expected_statuses = statuses_of(http.find("expectedStatuses"));
  }
}

}  // namespace

void add_health(const Effective& effective, Protocol protocol, RuleBook& rules, ClusterImage& out) {
  const auto& conf = effective.conf();
  if (const auto panic = decimal_of(conf, "healthyPanicThreshold", 1))
    out.panic_percent = std::min(*panic, 100U);
  auto& health = out.health;
  health.kind = kind_of(conf, protocol);
  if (health.kind == Kind::none) return;
  health.interval = duration_of(conf, "interval", minutes(1));
  health.timeout = duration_of(conf, "timeout", seconds(15));
  health.unhealthy_threshold = std::max(count_of(conf, "unhealthyThreshold", 5), 1U);
  health.healthy_threshold = std::max(count_of(conf, "healthyThreshold", 1), 1U);
  health.initial_jitter = duration_of(conf, "initialJitter");
  health.interval_jitter = duration_of(conf, "intervalJitter");
  health.interval_jitter_percent = std::min(count_of(conf, "intervalJitterPercent"), 100U);
  health.no_traffic_interval = duration_of(conf, "noTrafficInterval", seconds(60));
  health.fail_traffic_on_panic = flag_of(conf, "failTrafficOnPanic");
  health.reuse_connection = flag_of(conf, "reuseConnection", true);
  health.always_log_failures = flag_of(conf, "alwaysLogHealthCheckFailures");
  health.event_log = conf.text_of("eventLogPath");
  read_checker(conf, health);
  out.health_rule = rules.add(effective.origin({"interval"}));
  if (out.health_rule == RuleIndex::built_in) {
    for (const auto* key : {"http", "grpc", "tcp"}) {
      if (out.health_rule == RuleIndex::built_in) out.health_rule = rules.add(effective.origin({key}));
    }
  }
}

}  // namespace sluice::policy
