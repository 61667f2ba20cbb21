#include "policy/engine/http/retries.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "policy/engine/http/values.h"
#include "policy/kinds/regex.h"

namespace sluice::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

template <typename... Conditions>
constexpr std::uint32_t bits(Conditions... conditions) {
  return (static_cast<std::uint32_t>(conditions) | ...);
}

constexpr std::array<std::pair<std::string_view, RetryOn>, 7> kHttpWords{
    {{"5xx", RetryOn::server_error},
     {"GatewayError", RetryOn::gateway_error},
     {"Reset", RetryOn::reset},
     {"Retriable4xx", RetryOn::retriable_4xx},
     {"ConnectFailure", RetryOn::connect_failure},
     {"EnvoyRatelimited", RetryOn::envoy_ratelimited},
     {"RefusedStream", RetryOn::refused_stream}}};

constexpr std::array<std::pair<std::string_view, RetryOn>, 5> kGrpcWords{
    {{"Canceled", RetryOn::grpc_cancelled},
     {"DeadlineExceeded", RetryOn::grpc_deadline_exceeded},
     {"Internal", RetryOn::grpc_internal},
     {"ResourceExhausted", RetryOn::grpc_resource_exhausted},
     {"Unavailable", RetryOn::grpc_unavailable}}};

constexpr std::string_view kMethod = "HttpMethod";

std::string upper(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return out;
}

template <std::size_t N>
void add_word(const std::array<std::pair<std::string_view, RetryOn>, N>& words, const Node& word,
              RetryImage& out) {
  for (const auto& [text, condition] : words) {
    if (text == word.scalar) out.on |= bits(condition);
  }
  if (word.scalar.starts_with(kMethod)) out.methods.push_back(upper(word.scalar.substr(kMethod.size())));
  const auto status = word.as_integer().value_or(0);
  if (status >= 100 && status <= 599) out.statuses.push_back(static_cast<std::uint16_t>(status));
}

void read_http(const Node& conf, RetryImage& out) {
  if (const auto* list = conf.find("retryOn"); list != nullptr && !list->items.empty()) {
    for (const auto& word : list->items) add_word(kHttpWords, word, out);
  } else {
    out.on = bits(RetryOn::gateway_error, RetryOn::connect_failure, RetryOn::refused_stream);
  }
  out.response_headers = text_matches(conf.find("retriableResponseHeaders"), true);
  out.request_headers = text_matches(conf.find("retriableRequestHeaders"), true);
  out.host_selection_attempts = count_of(conf, "hostSelectionMaxAttempts");
  const auto* selection = conf.find("hostSelection");
  if (selection == nullptr) return;
  for (const auto& one : selection->items) {
    const auto predicate = one.text_of("predicate");
    if (predicate == "OmitPreviousHosts") out.omit_previous_hosts = true;
    if (predicate == "OmitHostsWithTags") out.omit_hosts_with_tags = fields_of(one.find("tags"));
    if (predicate == "OmitPreviousPriorities")
      out.omit_previous_priorities = std::max(count_of(one, "updateFrequency", 2), 1U);
  }
}

void read_grpc(const Node& conf, RetryImage& out) {
  if (const auto* list = conf.find("retryOn"); list != nullptr && !list->items.empty()) {
    for (const auto& word : list->items) add_word(kGrpcWords, word, out);
    return;
  }
  out.on =
      bits(RetryOn::grpc_cancelled, RetryOn::connect_failure, RetryOn::gateway_error, RetryOn::refused_stream,
           RetryOn::reset, RetryOn::grpc_resource_exhausted, RetryOn::grpc_unavailable);
}

void read_back_off(const Node& conf, RetryImage& out) {
  out.backoff_base = milliseconds(25);
  const auto* back_off = conf.find("backOff");
  if (back_off != nullptr) out.backoff_base = duration_of(*back_off, "baseInterval", out.backoff_base);
  out.backoff_max = out.backoff_base * 10;
  if (back_off != nullptr) out.backoff_max = duration_of(*back_off, "maxInterval", out.backoff_max);
  const auto* limited = conf.find("rateLimitedBackOff");
  if (limited == nullptr) return;
  out.reset_max = duration_of(*limited, "maxInterval", seconds(300));
  const auto* headers = limited->find("resetHeaders");
  if (headers == nullptr) return;
  for (const auto& one : headers->items) {
    out.reset_headers.push_back({lower_case(one.text_of("name")), one.text_of("format") == "UnixTimestamp"});
  }
}

// An expression that does not compile matches nothing.
void drop_broken(std::vector<TextMatch>& list) {
  std::erase_if(list, [](const TextMatch& match) {
    return match.kind == TextMatch::Kind::regex && !regex_problem(match.value).empty();
  });
}

}  // namespace

std::optional<RetryImage> retries_of(const Effective& effective, Protocol protocol, RuleBook& rules) {
  const auto key = protocol == Protocol::http ? "http" : protocol == Protocol::grpc ? "grpc" : "";
  const auto* conf = effective.conf().find(key);
  if (conf == nullptr) return std::nullopt;
  RetryImage out;
  out.retries = count_of(*conf, "numRetries", 1);
  if (out.retries == 0) return std::nullopt;
  out.per_try_timeout = duration_of(*conf, "perTryTimeout");
  if (protocol == Protocol::http) {
    read_http(*conf, out);
  } else {
    read_grpc(*conf, out);
  }
  read_back_off(*conf, out);
  drop_broken(out.response_headers);
  const bool limited = !out.request_headers.empty();
  drop_broken(out.request_headers);
  // None of the requests that were meant can be told: retry none.
  if (limited && out.request_headers.empty()) return std::nullopt;
  out.rule = rules.add(effective.origin({key}));
  return out;
}

}  // namespace sluice::policy
