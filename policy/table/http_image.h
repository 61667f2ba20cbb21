// The HTTP part of the compiled policy as plain data (kuma.md sections 2.1 to 2.10): what a client workload
// does with requests to one service, and what a server workload does with requests at one inbound. As in
// image.h, references are indexes and every list has a limit.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/clock.h"
#include "policy/table/rule.h"

namespace sluice::policy {

inline constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::uint32_t kWhole = 1'000'000;  // parts per million: percentages and shares

// A condition on one header or query parameter.
struct TextMatch {
  enum class Kind : std::uint8_t { exact, prefix, regex, present, absent };
  Kind kind = Kind::exact;
  std::string name;   // headers: lower case
  std::string value;  // regex: RE2, matches the whole value
  bool operator==(const TextMatch&) const = default;
};

struct PathMatch {
  enum class Kind : std::uint8_t { any, exact, prefix, regex };
  Kind kind = Kind::any;
  std::string value;  // prefix: "/a" stands for /a and /a/...
  bool operator==(const PathMatch&) const = default;
};

struct RouteMatch {
  PathMatch path;
  std::string method;  // empty: any
  std::vector<TextMatch> headers;
  std::vector<TextMatch> query;
  bool operator==(const RouteMatch&) const = default;
};

struct HeaderField {
  std::string name;
  std::string value;
  bool operator==(const HeaderField&) const = default;
};
struct HeaderEdits {
  std::vector<HeaderField> set;
  std::vector<HeaderField> add;
  std::vector<std::string> remove;
  bool operator==(const HeaderEdits&) const = default;
};

struct PathRewrite {
  enum class Kind : std::uint8_t { none, full, prefix };
  Kind kind = Kind::none;
  std::string value;
  bool operator==(const PathRewrite&) const = default;
};

struct Redirect {
  std::uint16_t status = 0;  // 0: no redirect
  std::string scheme;        // empty: the request's
  std::string hostname;
  std::uint16_t port = 0;
  PathRewrite path;
  bool operator==(const Redirect&) const = default;
};

struct Mirror {
  std::uint32_t service = kNone;
  std::uint32_t share = kWhole;
  bool operator==(const Mirror&) const = default;
};

// service kNone: unresolved, its share answers 500 (and ends a connection of bytes).
struct WeightedBackend {
  std::uint32_t service = kNone;
  std::uint32_t weight = 1;
  bool operator==(const WeightedBackend&) const = default;
};

// Zero: no limit.
struct HttpTimeouts {
  Nanos request{};
  Nanos stream_idle{};
  Nanos max_stream{};
  Nanos max_connection{};
  Nanos request_headers{};
  RuleIndex rule = RuleIndex::built_in;
  bool operator==(const HttpTimeouts&) const = default;
};

enum class RetryOn : std::uint32_t {
  server_error = 1U << 0,  // 5xx
  gateway_error = 1U << 1,
  reset = 1U << 2,
  retriable_4xx = 1U << 3,
  connect_failure = 1U << 4,
  envoy_ratelimited = 1U << 5,
  refused_stream = 1U << 6,
  grpc_cancelled = 1U << 7,
  grpc_deadline_exceeded = 1U << 8,
  grpc_internal = 1U << 9,
  grpc_resource_exhausted = 1U << 10,
  grpc_unavailable = 1U << 11,
};

struct ResetHeader {
  std::string name;
  bool unix_time = false;  // else seconds from now
  bool operator==(const ResetHeader&) const = default;
};

struct RetryImage {
  std::uint32_t retries = 0;  // 0: none
  std::uint32_t on = 0;       // RetryOn bits
  std::vector<std::uint16_t> statuses;
  std::vector<std::string> methods;         // empty: any; else only these are retried
  std::vector<TextMatch> response_headers;  // one that matches makes an answer retriable
  std::vector<TextMatch> request_headers;   // not empty: only requests that match one are retried
  Nanos per_try_timeout{};
  Nanos backoff_base{};
  Nanos backoff_max{};
  std::vector<ResetHeader> reset_headers;  // rate-limited back-off
  Nanos reset_max{};
  bool omit_previous_hosts = false;
  std::vector<HeaderField> omit_hosts_with_tags;
  std::uint32_t omit_previous_priorities = 0;  // update frequency; 0: off
  std::uint32_t host_selection_attempts = 0;   // 0: not given
  RuleIndex rule = RuleIndex::built_in;
  bool operator==(const RetryImage&) const = default;
};

struct HashPolicy {
  enum class Kind : std::uint8_t { header, cookie, source_ip, query, filter_state };
  Kind kind = Kind::header;
  std::string name;
  std::string path;  // cookie
  Nanos ttl{};       // cookie: how long one that was made lives; 0: as long as the client's session
  bool terminal = false;
  bool make = false;  // cookie: one is made when the request has none
  bool operator==(const HashPolicy&) const = default;
};

struct RouteImage {
  RouteMatch match;  // routes of a list stand in the order in which they are tried
  HeaderEdits request_headers;
  HeaderEdits response_headers;
  Redirect redirect;
  PathRewrite rewrite;
  std::string rewrite_host;
  std::vector<Mirror> mirrors;
  std::vector<WeightedBackend> backends;  // empty: the service that the request was sent to
  HttpTimeouts timeouts;
  std::uint32_t retry = kNone;  // index into HttpOutboundImage::retries
  std::vector<HashPolicy> hash_policies;
  RuleIndex rule = RuleIndex::built_in;
  bool operator==(const RouteImage&) const = default;
};

// A script that sees each request, and each response when it asks for that.
struct LuaFilter {
  std::string name;
  std::string code;
  bool fail_open = false;        // what an error or an overrun means; false: the request is refused
  std::uint32_t body_limit = 0;  // bytes of a body that the script may see; 0: the proxy's own
  RuleIndex rule = RuleIndex::built_in;
  bool operator==(const LuaFilter&) const = default;
};

// What one client workload does with requests to one HTTP service. Not there: bytes are relayed as they are.
struct HttpOutboundImage {
  std::vector<RouteImage> routes;  // the last one takes every request
  std::vector<RetryImage> retries;
  std::vector<LuaFilter> lua;  // in the order in which they run, before a route is chosen
  bool operator==(const HttpOutboundImage&) const = default;
};

// How one client workload uses the endpoints of one service, for TCP as well (cluster in the field's terms).
enum class Balancer : std::uint8_t { round_robin, least_request, random, ring_hash, maglev, peak_ewma };

struct LoadBalancing {
  Balancer balancer = Balancer::round_robin;
  std::uint32_t choices = 2;              // least_request
  std::uint32_t active_bias = 1'000'000;  // least_request, millionths
  bool murmur = false;                    // ring_hash
  std::uint32_t ring_min = 1024;
  std::uint32_t ring_max = 8U << 20;
  std::uint32_t table_size = 65537;  // maglev
  bool operator==(const LoadBalancing&) const = default;
};

// Zero: not set, no limit of ours.
struct ConnectionLimits {
  std::uint32_t connections = 0;
  std::uint32_t pools = 0;
  std::uint32_t pending = 0;
  std::uint32_t requests = 0;
  std::uint32_t retries = 0;
  bool operator==(const ConnectionLimits&) const = default;
};

// A detector with a zero threshold is off.
struct OutlierDetection {
  bool enabled = false;
  Nanos interval{};
  Nanos base_ejection{};
  std::uint32_t max_ejection_percent = 10;
  bool split_local_errors = false;
  std::uint32_t consecutive_5xx = 0;
  std::uint32_t consecutive_gateway = 0;
  std::uint32_t consecutive_local = 0;
  std::uint32_t success_rate_factor = 0;  // thousandths of a standard deviation
  std::uint32_t success_rate_hosts = 5;
  std::uint32_t success_rate_volume = 100;
  std::uint32_t failure_percent = 0;
  std::uint32_t failure_percent_hosts = 5;
  std::uint32_t failure_percent_volume = 50;
  bool operator==(const OutlierDetection&) const = default;
};

struct HealthCheck {
  enum class Kind : std::uint8_t { none, tcp, http, http2, grpc };
  Kind kind = Kind::none;
  Nanos interval{};
  Nanos timeout{};
  std::uint32_t unhealthy_threshold = 5;
  std::uint32_t healthy_threshold = 1;
  Nanos initial_jitter{};
  Nanos interval_jitter{};
  std::uint32_t interval_jitter_percent = 0;
  Nanos no_traffic_interval{};
  bool fail_traffic_on_panic = false;
  bool reuse_connection = true;
  bool always_log_failures = false;
  std::string event_log;  // path as the document has it; empty: events go to the operator's log alone
  std::string path = "/";
  HeaderEdits headers;
  std::vector<std::uint16_t> expected_statuses;  // empty: 200
  std::string send;                              // tcp: bytes
  std::vector<std::string> receive;
  std::string grpc_service;
  std::string grpc_authority;
  bool operator==(const HealthCheck&) const = default;
};

struct ClusterImage {
  LoadBalancing balancing;
  ConnectionLimits limits;
  OutlierDetection outlier;
  HealthCheck health;
  std::uint32_t panic_percent = 50;
  std::uint32_t overprovisioning_percent = 200;
  // One priority and locality weight per backend of the service, in its order; empty: all priority 0,
  // weight 1.
  struct Place {
    static constexpr std::uint8_t kLeftOut = 255;  // a priority that is never used
    std::uint8_t priority = 0;
    std::uint32_t locality_weight = 0;  // 0: localities are not weighted
    std::uint32_t locality = 0;         // equal numbers: the same locality
    bool operator==(const Place&) const = default;
  };
  std::vector<Place> places;
  std::uint32_t tcp_connect_attempts = 0;  // MeshRetry tcp; 0: the default
  RuleIndex limits_rule = RuleIndex::built_in;
  RuleIndex outlier_rule = RuleIndex::built_in;
  RuleIndex health_rule = RuleIndex::built_in;
  RuleIndex balancing_rule = RuleIndex::built_in;
  bool operator==(const ClusterImage&) const = default;
};

struct RateLimit {
  std::uint32_t num = 0;  // tokens per interval; 0: no limit
  Nanos interval{};
  std::uint16_t status = 429;
  HeaderEdits headers;
  RuleIndex rule = RuleIndex::built_in;
  bool operator==(const RateLimit&) const = default;
};

struct Fault {
  std::uint16_t abort_status = 0;  // 0: none
  std::uint32_t abort_share = 0;
  Nanos delay{};
  std::uint32_t delay_share = 0;
  std::uint64_t bandwidth_kbps = 0;  // 0: none
  std::uint32_t bandwidth_share = 0;
  bool operator==(const Fault&) const = default;
};

}  // namespace sluice::policy
