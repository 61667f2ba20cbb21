// The members of the HTTP part's structs in wire order, for codec_visit.h.
#pragma once

#include "policy/table/codec_visit.h"

namespace sluice::policy::fields {

inline constexpr auto kText = [](auto& visit, auto& value) { visit.text(value); };
inline constexpr auto kNumber = [](auto& visit, auto& value) { visit.number(value); };

inline constexpr auto kCondition = [](auto& visit, auto& value) {
  visit.choice(value.kind, Condition::Kind::sni_exact);
  visit.text(value.value);
};

inline constexpr auto kHeaderField = [](auto& visit, auto& value) {
  visit.text(value.name);
  visit.text(value.value);
};

inline constexpr auto kHeaderEdits = [](auto& visit, auto& value) {
  visit.list(value.set, 8, kMaxListPerRoute, kHeaderField);
  visit.list(value.add, 8, kMaxListPerRoute, kHeaderField);
  visit.list(value.remove, 4, kMaxListPerRoute, kText);
};

inline constexpr auto kTextMatch = [](auto& visit, auto& value) {
  visit.choice(value.kind, TextMatch::Kind::absent);
  visit.text(value.name);
  visit.text(value.value);
};

inline constexpr auto kRouteMatch = [](auto& visit, auto& value) {
  visit.choice(value.path.kind, PathMatch::Kind::regex);
  visit.text(value.path.value);
  visit.text(value.method);
  visit.list(value.headers, 9, kMaxListPerRoute, kTextMatch);
  visit.list(value.query, 9, kMaxListPerRoute, kTextMatch);
};

inline constexpr auto kPathRewrite = [](auto& visit, auto& value) {
  visit.choice(value.kind, PathRewrite::Kind::prefix);
  visit.text(value.value);
};

inline constexpr auto kWeightedBackend = [](auto& visit, auto& value) {
  visit.number(value.service);
  visit.number(value.weight);
};

inline constexpr auto kHttpTimeouts = [](auto& visit, auto& value) {
  visit.duration(value.request);
  visit.duration(value.stream_idle);
  visit.duration(value.max_stream);
  visit.duration(value.max_connection);
  visit.duration(value.request_headers);
  visit.number(value.rule);
};

inline constexpr auto kHashPolicy = [](auto& visit, auto& value) {
  visit.choice(value.kind, HashPolicy::Kind::filter_state);
  visit.text(value.name);
  visit.text(value.path);
  visit.duration(value.ttl);
  visit.flag(value.terminal);
  visit.flag(value.make);
};

inline constexpr auto kRoute = [](auto& visit, auto& value) {
  kRouteMatch(visit, value.match);
  kHeaderEdits(visit, value.request_headers);
  kHeaderEdits(visit, value.response_headers);
  visit.number(value.redirect.status);
  visit.text(value.redirect.scheme);
  visit.text(value.redirect.hostname);
  visit.number(value.redirect.port);
  kPathRewrite(visit, value.redirect.path);
  kPathRewrite(visit, value.rewrite);
  visit.text(value.rewrite_host);
  visit.list(value.mirrors, 8, kMaxListPerRoute, [](auto& v, auto& mirror) {
    v.number(mirror.service);
    v.number(mirror.share);
  });
  visit.list(value.backends, 8, kMaxListPerRoute, kWeightedBackend);
  kHttpTimeouts(visit, value.timeouts);
  visit.number(value.retry);
  visit.list(value.hash_policies, 19, kMaxListPerRoute, kHashPolicy);
  visit.number(value.rule);
};

inline constexpr auto kRetry = [](auto& visit, auto& value) {
  visit.number(value.retries);
  visit.number(value.on);
  visit.list(value.statuses, 2, kMaxListPerRoute, kNumber);
  visit.list(value.methods, 4, kMaxListPerRoute, kText);
  visit.list(value.response_headers, 9, kMaxListPerRoute, kTextMatch);
  visit.list(value.request_headers, 9, kMaxListPerRoute, kTextMatch);
  visit.duration(value.per_try_timeout);
  visit.duration(value.backoff_base);
  visit.duration(value.backoff_max);
  visit.list(value.reset_headers, 5, kMaxListPerRoute, [](auto& v, auto& header) {
    v.text(header.name);
    v.flag(header.unix_time);
  });
  visit.duration(value.reset_max);
  visit.flag(value.omit_previous_hosts);
  visit.list(value.omit_hosts_with_tags, 8, kMaxListPerRoute, kHeaderField);
  visit.number(value.omit_previous_priorities);
  visit.number(value.host_selection_attempts);
  visit.number(value.rule);
};

inline constexpr auto kLua = [](auto& visit, auto& value) {
  visit.text(value.name);
  visit.text(value.code, kMaxLuaCode);
  visit.flag(value.fail_open);
  visit.number(value.body_limit);
  visit.number(value.rule);
};

inline constexpr auto kHttpOutbound = [](auto& visit, auto& value) {
  visit.list(value.routes, 100, kMaxRoutes, kRoute);
  visit.list(value.retries, 64, kMaxRoutes, kRetry);
  visit.list(value.lua, 17, kMaxLuaFilters, kLua);
};

inline constexpr auto kBalancing = [](auto& visit, auto& value) {
  visit.choice(value.balancer, Balancer::peak_ewma);
  visit.number(value.choices);
  visit.number(value.active_bias);
  visit.flag(value.murmur);
  visit.number(value.ring_min);
  visit.number(value.ring_max);
  visit.number(value.table_size);
};

inline constexpr auto kOutlier = [](auto& visit, auto& value) {
  visit.flag(value.enabled);
  visit.duration(value.interval);
  visit.duration(value.base_ejection);
  visit.number(value.max_ejection_percent);
  visit.flag(value.split_local_errors);
  visit.number(value.consecutive_5xx);
  visit.number(value.consecutive_gateway);
  visit.number(value.consecutive_local);
  visit.number(value.success_rate_factor);
  visit.number(value.success_rate_hosts);
  visit.number(value.success_rate_volume);
  visit.number(value.failure_percent);
  visit.number(value.failure_percent_hosts);
  visit.number(value.failure_percent_volume);
};

inline constexpr auto kHealth = [](auto& visit, auto& value) {
  visit.choice(value.kind, HealthCheck::Kind::grpc);
  visit.duration(value.interval);
  visit.duration(value.timeout);
  visit.number(value.unhealthy_threshold);
  visit.number(value.healthy_threshold);
  visit.duration(value.initial_jitter);
  visit.duration(value.interval_jitter);
  visit.number(value.interval_jitter_percent);
  visit.duration(value.no_traffic_interval);
  visit.flag(value.fail_traffic_on_panic);
  visit.flag(value.reuse_connection);
  visit.flag(value.always_log_failures);
  visit.text(value.event_log);
  visit.text(value.path);
  kHeaderEdits(visit, value.headers);
  visit.list(value.expected_statuses, 2, kMaxListPerRoute, kNumber);
  visit.text(value.send);
  visit.list(value.receive, 4, kMaxListPerRoute, kText);
  visit.text(value.grpc_service);
  visit.text(value.grpc_authority);
};

inline constexpr auto kCluster = [](auto& visit, auto& value) {
  kBalancing(visit, value.balancing);
  visit.number(value.limits.connections);
  visit.number(value.limits.pools);
  visit.number(value.limits.pending);
  visit.number(value.limits.requests);
  visit.number(value.limits.retries);
  kOutlier(visit, value.outlier);
  kHealth(visit, value.health);
  visit.number(value.panic_percent);
  visit.number(value.overprovisioning_percent);
  visit.list(value.places, 9, kMaxBackends, [](auto& v, auto& place) {
    v.number(place.priority);
    v.number(place.locality_weight);
    v.number(place.locality);
  });
  visit.number(value.tcp_connect_attempts);
  visit.number(value.limits_rule);
  visit.number(value.outlier_rule);
  visit.number(value.health_rule);
  visit.number(value.balancing_rule);
};

inline constexpr auto kHttpInbound = [](auto& visit, auto& value) {
  visit.list(value.timeouts, 48, kMaxMatchedRules, [](auto& v, auto& one) {
    v.list(one.conditions, 5, kMaxConditions, kCondition);
    kHttpTimeouts(v, one.timeouts);
  });
  visit.list(value.rate_limits, 34, kMaxMatchedRules, [](auto& v, auto& one) {
    v.list(one.conditions, 5, kMaxConditions, kCondition);
    v.number(one.limit.num);
    v.duration(one.limit.interval);
    v.number(one.limit.status);
    kHeaderEdits(v, one.limit.headers);
    v.number(one.limit.rule);
  });
  visit.list(value.faults, 39, kMaxMatchedRules, [](auto& v, auto& one) {
    v.list(one.conditions, 5, kMaxConditions, kCondition);
    v.number(one.fault.abort_status);
    v.number(one.fault.abort_share);
    v.duration(one.fault.delay);
    v.number(one.fault.delay_share);
    v.number(one.fault.bandwidth_kbps);
    v.number(one.fault.bandwidth_share);
    v.flag(one.last);
    v.number(one.rule);
  });
  visit.list(value.lua, 17, kMaxLuaFilters, kLua);
};

}  // namespace sluice::policy::fields
