#include "policy/table/http_check.h"

#include <algorithm>
#include <ranges>
#include <string_view>

namespace sluice::policy {
namespace {

bool is_token_char(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kMarks.find(c) != std::string_view::npos;
}

// A pseudo-header may be asked for, but not be written.
bool is_name(std::string_view name, bool pseudo = false) {
  if (pseudo && name.starts_with(':')) name.remove_prefix(1);
  return !name.empty() && std::ranges::all_of(name, is_token_char) &&
         std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
}

// Nothing that would end a line or a target early.
bool is_plain(std::string_view text, bool spaces) {
  return std::ranges::none_of(text, [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0x7f || (byte < 0x20 && c != '\t') || (!spaces && (c == ' ' || c == '\t'));
  });
}

bool short_text(std::string_view text) {
  return text.size() <= kMaxText;
}

template <typename... Lists>
bool short_lists(const Lists&... lists) {
  return ((lists.size() <= kMaxListPerRoute) && ...);
}

bool field_sound(const HeaderField& field) {
  return short_text(field.name) && short_text(field.value) && is_name(field.name) &&
         is_plain(field.value, true);
}

std::string check_edits(const HeaderEdits& edits) {
  if (!short_lists(edits.set, edits.add, edits.remove)) return "too many header edits";
  const bool removes = std::ranges::all_of(
      edits.remove, [](const std::string& name) { return short_text(name) && is_name(name); });
  return removes && std::ranges::all_of(edits.set, field_sound) && std::ranges::all_of(edits.add, field_sound)
             ? std::string()
             : "a header edit that is no header";
}

std::string check_matches(const std::vector<TextMatch>& list, bool headers) {
  if (!short_lists(list)) return "too many conditions in one match";
  for (const auto& match : list) {
    if (!short_text(match.name) || !short_text(match.value)) return "a condition's text is too long";
    if (headers && !is_name(match.name, true)) return "a condition on what is no header";
  }
  return {};
}

bool statuses_sound(const std::vector<std::uint16_t>& list) {
  return short_lists(list) &&
         std::ranges::all_of(list, [](std::uint16_t status) { return status >= 100 && status <= 599; });
}

bool durations_sound(std::initializer_list<Nanos> list) {
  return std::ranges::all_of(list, [](Nanos value) { return value.count() >= 0; });
}

class Checker {
 public:
  explicit Checker(const TableImage& image) : image_(image) {}

  std::string outbound(const HttpOutboundImage& outbound) const {
    if (outbound.routes.empty() || outbound.routes.size() > kMaxRoutes ||
        outbound.retries.size() > kMaxRoutes) {
      return "no routes or too many";
    }
    if (!lua(outbound.lua)) return "a Lua filter is not sound";
    if (outbound.routes.back().match != RouteMatch{}) return "the last route does not take every request";
    for (const auto& one : outbound.routes) {
      if (one.retry != kNone && one.retry >= outbound.retries.size())
        return "a route refers to retries that do not exist";
      if (auto problem = route(one); !problem.empty()) return problem;
    }
    for (const auto& one : outbound.retries) {
      if (auto problem = retry(one); !problem.empty()) return problem;
    }
    return {};
  }

  std::string cluster(const ClusterImage& cluster) const {
    const auto& health = cluster.health;
    const auto& balancing = cluster.balancing;
    if (!rules({cluster.limits_rule, cluster.outlier_rule, cluster.health_rule, cluster.balancing_rule}))
      return kNoRule;
    if (balancing.choices < 1 || balancing.ring_min < 1 || balancing.ring_min > balancing.ring_max ||
        balancing.ring_max > (8U << 20) || balancing.table_size < 1 || balancing.table_size > 5'000'011) {
      return "a balancer's numbers are out of range";
    }
    if (cluster.panic_percent > 100 || cluster.overprovisioning_percent < 100 ||
        cluster.places.size() > kMaxBackends || cluster.outlier.max_ejection_percent > 100 ||
        cluster.outlier.failure_percent > 100 || health.interval_jitter_percent > 100) {
      return "a cluster's percentage is out of range";
    }
    if (!durations_sound({cluster.outlier.interval, cluster.outlier.base_ejection, health.interval,
                          health.timeout, health.initial_jitter, health.interval_jitter,
                          health.no_traffic_interval})) {
      return "a cluster's duration is out of range";
    }
    if (health.kind != HealthCheck::Kind::none &&
        (health.interval.count() == 0 || health.timeout.count() == 0))
      return "a health check without interval or timeout";
    if (cluster.outlier.enabled && cluster.outlier.interval.count() == 0)
      return "outlier detection without an interval";
    if (!short_text(health.path) || !is_plain(health.path, false) || !short_text(health.send) ||
        !std::ranges::all_of(health.receive, short_text) || !short_lists(health.receive) ||
        !short_text(health.grpc_service) || !short_text(health.grpc_authority) ||
        !is_plain(health.grpc_authority, false) || !statuses_sound(health.expected_statuses)) {
      return "a health check's text or status is not sound";
    }
    return check_edits(health.headers);
  }

  std::string inbound(const HttpInboundImage& inbound) const {
    if (inbound.timeouts.size() > kMaxMatchedRules || inbound.rate_limits.size() > kMaxMatchedRules ||
        inbound.faults.size() > kMaxMatchedRules) {
      return "too many rules of one kind at one inbound";
    }
    for (const auto& one : inbound.timeouts) {
      if (!conditions(one.conditions) || !timeouts(one.timeouts))
        return "an inbound's timeouts are not sound";
    }
    for (const auto& one : inbound.rate_limits) {
      if (!conditions(one.conditions) || !rules({one.limit.rule}) ||
          (one.limit.num > 0 && one.limit.interval.count() <= 0) || one.limit.status < 200 ||
          one.limit.status > 599) {
        return "a rate limit is not sound";
      }
      if (auto problem = check_edits(one.limit.headers); !problem.empty()) return problem;
    }
    for (const auto& one : inbound.faults) {
      if (!conditions(one.conditions) || !rules({one.rule}) || !fault(one.fault))
        return "a fault is not sound";
    }
    return lua(inbound.lua) ? std::string() : "a Lua filter is not sound";
  }

  bool rules(std::initializer_list<RuleIndex> list) const {
    return std::ranges::all_of(
        list, [&](RuleIndex rule) { return static_cast<std::uint32_t>(rule) < image_.rules.size(); });
  }
  bool service(std::uint32_t index, std::uint32_t mesh) const {
    return index == kNone || (index < image_.services.size() && image_.services[index].mesh == mesh);
  }

 private:
  static constexpr const char* kNoRule = "refers to a rule that does not exist";

  bool service(std::uint32_t index) const { return index == kNone || index < image_.services.size(); }

  bool timeouts(const HttpTimeouts& one) const {
    return rules({one.rule}) && durations_sound({one.request, one.stream_idle, one.max_stream,
                                                 one.max_connection, one.request_headers});
  }

  static bool conditions(const std::vector<Condition>& list) {
    return list.size() <= kMaxConditions &&
           std::ranges::all_of(list, [](const Condition& one) { return short_text(one.value); });
  }

  bool lua(const std::vector<LuaFilter>& list) const {
    return list.size() <= kMaxLuaFilters && std::ranges::all_of(list, [&](const LuaFilter& one) {
             return short_text(one.name) && one.code.size() <= kMaxLuaCode && rules({one.rule});
           });
  }

  static bool fault(const Fault& one) {
    return (one.abort_status == 0 || (one.abort_status >= 200 && one.abort_status <= 599)) &&
           one.delay.count() >= 0 && one.abort_share <= kWhole && one.delay_share <= kWhole &&
           one.bandwidth_share <= kWhole;
  }

  static bool redirect(const Redirect& one) {
    return (one.status == 0 || (one.status >= 300 && one.status <= 399)) &&
           (one.scheme.empty() || one.scheme == "http" || one.scheme == "https") &&
           short_text(one.hostname) && is_plain(one.hostname, false) && short_text(one.path.value) &&
           is_plain(one.path.value, false);
  }

  std::string route(const RouteImage& one) const {
    if (!rules({one.rule}) || !timeouts(one.timeouts)) return "a route's rule or timeouts are not sound";
    if (!short_text(one.match.path.value) || !short_text(one.match.method))
      return "a route's text is too long";
    if (!redirect(one.redirect)) return "a redirect is not sound";
    if (!short_text(one.rewrite.value) || !is_plain(one.rewrite.value, false) ||
        !short_text(one.rewrite_host) || !is_plain(one.rewrite_host, false)) {
      return "a rewrite is not sound";
    }
    if (!short_lists(one.mirrors, one.backends, one.hash_policies)) return "a route's list is too long";
    const bool mirrors = std::ranges::all_of(
        one.mirrors, [&](const Mirror& mirror) { return service(mirror.service) && mirror.share <= kWhole; });
    const bool backends = std::ranges::all_of(
        one.backends, [&](const WeightedBackend& backend) { return service(backend.service); });
    if (!mirrors || !backends) return "a route to a service that does not exist";
    for (const auto& policy : one.hash_policies) {
      const bool header = policy.kind == HashPolicy::Kind::header;
      if (!short_text(policy.name) || !short_text(policy.path) || !is_plain(policy.path, true) ||
          policy.ttl.count() < 0 || !is_plain(policy.name, false) ||
          (header && !is_name(policy.name, true))) {
        return "a hash policy is not sound";
      }
    }
    for (const auto* edits : {&one.request_headers, &one.response_headers}) {
      if (auto problem = check_edits(*edits); !problem.empty()) return problem;
    }
    if (auto problem = check_matches(one.match.headers, true); !problem.empty()) return problem;
    return check_matches(one.match.query, false);
  }

  std::string retry(const RetryImage& one) const {
    constexpr auto kKnown = (static_cast<std::uint32_t>(RetryOn::grpc_unavailable) << 1U) - 1;
    if (!rules({one.rule}) || (one.on & ~kKnown) != 0 || !statuses_sound(one.statuses) ||
        !durations_sound({one.per_try_timeout, one.backoff_base, one.backoff_max, one.reset_max})) {
      return "a retry's numbers are out of range";
    }
    if (!short_lists(one.methods, one.reset_headers, one.omit_hosts_with_tags) ||
        !std::ranges::all_of(one.methods, short_text) ||
        !std::ranges::all_of(
            one.reset_headers,
            [](const ResetHeader& header) { return short_text(header.name) && is_name(header.name); }) ||
        !std::ranges::all_of(one.omit_hosts_with_tags, [](const HeaderField& tag) {
          return short_text(tag.name) && short_text(tag.value);
        })) {
      return "a retry's list is not sound";
    }
    for (const auto* list : {&one.response_headers, &one.request_headers}) {
      if (auto problem = check_matches(*list, true); !problem.empty()) return problem;
    }
    return {};
  }

  const TableImage& image_;
};

// Shared parts name services; whoever uses them must be of the same mesh.
std::string check_user(const TableImage& image, const Checker& checker, const OutboundImage& outbound) {
  const auto mesh = image.workloads[outbound.workload].mesh;
  const auto same_mesh = [&](const auto& one) { return checker.service(one.service, mesh); };
  if (outbound.http != kNone && outbound.http >= image.http_outbounds.size())
    return "outbound refers to routes that do not exist";
  if (outbound.cluster != kNone) {
    if (outbound.cluster >= image.clusters.size()) return "outbound refers to a cluster that does not exist";
    const auto& places = image.clusters[outbound.cluster].places;
    if (!places.empty() && places.size() != image.services[outbound.service].backends.size())
      return "a cluster's places do not fit its service";
  }
  if (outbound.split.size() > kMaxListPerRoute || !std::ranges::all_of(outbound.split, same_mesh) ||
      !checker.rules({outbound.split_rule})) {
    return "outbound with a split that is not sound";
  }
  if (outbound.http == kNone) return {};
  for (const auto& route : image.http_outbounds[outbound.http].routes) {
    if (!std::ranges::all_of(route.backends, same_mesh) || !std::ranges::all_of(route.mirrors, same_mesh))
      return "route to a service of another mesh";
  }
  return {};
}

std::string check_inbound_user(const TableImage& image, const Checker& checker, const InboundImage& inbound) {
  if (inbound.http != kNone && inbound.http >= image.http_inbounds.size())
    return "inbound refers to rules for requests that do not exist";
  if (inbound.cluster != kNone &&
      (inbound.cluster >= image.clusters.size() || !image.clusters[inbound.cluster].places.empty())) {
    return "inbound refers to a cluster that does not exist or is no inbound's";
  }
  const auto& rate = inbound.connection_rate;
  if (!checker.rules({rate.rule}) || (rate.num > 0 && rate.interval.count() <= 0))
    return "inbound has a bad connection rate";
  const bool tags = inbound.tags.size() <= kMaxListPerWorkload &&
                    std::ranges::all_of(inbound.tags, [](const HeaderField& tag) {
                      return short_text(tag.name) && short_text(tag.value);
                    });
  return tags ? std::string() : "an inbound's tags are too long";
}

}  // namespace

std::string check_http(const TableImage& image) {
  const Checker checker(image);
  if (image.http_outbounds.size() > kMaxOutbounds || image.clusters.size() > kMaxOutbounds ||
      image.http_inbounds.size() > kMaxOutbounds) {
    return "too many entries in one list";
  }
  for (const auto& one : image.http_outbounds) {
    if (auto problem = checker.outbound(one); !problem.empty()) return problem;
  }
  for (const auto& one : image.clusters) {
    if (auto problem = checker.cluster(one); !problem.empty()) return problem;
  }
  for (const auto& one : image.http_inbounds) {
    if (auto problem = checker.inbound(one); !problem.empty()) return problem;
  }
  for (const auto& outbound : image.outbounds) {
    if (auto problem = check_user(image, checker, outbound); !problem.empty()) return problem;
  }
  return {};
}

std::string check_http(const TableImage& image, const WorkloadImage& workload) {
  const Checker checker(image);
  if (!short_text(workload.zone)) return "a zone's name is too long";
  for (const auto& inbound : workload.inbounds) {
    if (auto problem = check_inbound_user(image, checker, inbound); !problem.empty())
      return problem + ": " + workload.name;
  }
  return {};
}

}  // namespace sluice::policy
