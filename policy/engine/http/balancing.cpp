#include "policy/engine/http/balancing.h"

#include <algorithm>

#include "policy/engine/http/values.h"

namespace sluice::policy {
namespace {

Balancer balancer_of(std::string_view type) {
  if (type == "LeastRequest") return Balancer::least_request;
  if (type == "Random") return Balancer::random;
  if (type == "RingHash") return Balancer::ring_hash;
  if (type == "Maglev") return Balancer::maglev;
  return Balancer::round_robin;
}

HashPolicy hash_policy_of(const Node& one) {
  HashPolicy out;
  out.terminal = flag_of(one, "terminal");
  const auto type = one.text_of("type");
  const auto text = [&](std::string_view block, std::string_view key) {
    const auto* node = one.find(block);
    return std::string(node == nullptr ? std::string_view() : node->text_of(key));
  };
  if (type == "Cookie") {
    out.kind = HashPolicy::Kind::cookie;
    out.name = text("cookie", "name");
    out.path = text("cookie", "path");
    const auto* cookie = one.find("cookie");
    out.make = cookie != nullptr && cookie->find("ttl") != nullptr;
    if (out.make) out.ttl = duration_of(*cookie, "ttl");
  } else if (type == "Connection" || type == "SourceIP") {
    out.kind = HashPolicy::Kind::source_ip;
  } else if (type == "QueryParameter") {
    out.kind = HashPolicy::Kind::query;
    out.name = text("queryParameter", "name");
  } else if (type == "FilterState") {
    out.kind = HashPolicy::Kind::filter_state;
    out.name = text("filterState", "key");
  } else {
    out.name = lower_case(text("header", "name"));
  }
  return out;
}

}  // namespace

void add_balancer(const Effective& effective, RuleBook& rules, ClusterImage& out) {
  const auto* conf = effective.conf().find("loadBalancer");
  if (conf == nullptr) return;
  auto& balancing = out.balancing;
  balancing.balancer = balancer_of(conf->text_of("type"));
  if (const auto* least = conf->find("leastRequest")) {
    balancing.choices = std::max(count_of(*least, "choiceCount", 2), 2U);
    balancing.active_bias = decimal_of(*least, "activeRequestBias", 1'000'000).value_or(1'000'000);
  }
  if (const auto* ring = conf->find("ringHash")) {
    balancing.murmur = ring->text_of("hashFunction") == "MurmurHash2";
    balancing.ring_max = std::clamp(count_of(*ring, "maxRingSize", 8U << 20U), 1U, 8U << 20U);
    balancing.ring_min = std::clamp(count_of(*ring, "minRingSize", 1024), 1U, balancing.ring_max);
  }
  if (const auto* maglev = conf->find("maglev"))
    balancing.table_size = std::clamp(count_of(*maglev, "tableSize", 65537), 1U, 5'000'011U);
  out.balancing_rule = rules.add(effective.origin({"loadBalancer"}));
}

bool asks_for_balancing(const Effective& effective) {
  return effective.conf().find("loadBalancer") != nullptr || !hash_policies_of(effective).empty();
}

std::vector<HashPolicy> hash_policies_of(const Effective& effective) {
  const auto& conf = effective.conf();
  // Kuma 2 had them in two more places.
  const auto* list = conf.find("hashPolicies");
  for (const auto* block : {"ringHash", "maglev"}) {
    if (list == nullptr) list = conf.find_path({"loadBalancer", block, "hashPolicies"});
  }
  std::vector<HashPolicy> out;
  if (list == nullptr) return out;
  for (const auto& one : list->items) {
    // Without `sourceIP: true` a connection says nothing.
    const auto* connection = one.find("connection");
    if (one.text_of("type") == "Connection" && connection != nullptr && !flag_of(*connection, "sourceIP"))
      continue;
    out.push_back(hash_policy_of(one));
  }
  return out;
}

}  // namespace sluice::policy
