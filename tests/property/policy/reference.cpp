#include "reference.h"

#include <algorithm>
#include <vector>

namespace sluice::policy::property {
namespace {

bool subset(const Tags& wanted, const Tags& tags) {
  for (const auto& [key, value] : wanted) {
    const auto found = tags.find(key);
    if (found == tags.end() || found->second != value) return false;
  }
  return true;
}

// What a tag reference demands of a tag set; Mesh demands nothing.
Tags demanded(const Ref& ref) {
  Tags out = ref.tags;
  if (!ref.name.empty()) out["kuma.io/service"] = ref.name;
  return out;
}

bool selects_inbound(const Ref& top, const Dataplane& dataplane, const Inbound& inbound) {
  if (top.kind != "Dataplane") return subset(demanded(top), inbound.tags);
  if (!top.app.empty() && top.app != dataplane.app) return false;
  return top.section.empty() || top.section == std::to_string(inbound.port);
}

bool selects_proxy(const Ref& top, const Dataplane& dataplane) {
  return std::ranges::any_of(
      dataplane.inbounds, [&](const Inbound& inbound) { return selects_inbound(top, dataplane, inbound); });
}

int rank(const std::string& kind) {
  if (kind == "Mesh") return 1;
  if (kind == "Dataplane") return 2;
  if (kind == "MeshSubset") return 3;
  if (kind == "MeshService") return 5;
  return 8;
}

// True when `b` overrides `a`, by top-level reference and name.
template <typename Policy>
bool weaker(const Policy* a, const Policy* b) {
  if (rank(a->top.kind) != rank(b->top.kind)) return rank(a->top.kind) < rank(b->top.kind);
  if (a->top.section.empty() != b->top.section.empty()) return a->top.section.empty();
  return a->name > b->name;
}

std::string client_id(const Dataplane& client) {
  return "spiffe://default/" + client.inbounds.front().tags.at("kuma.io/service");
}

bool matches(const std::vector<Match>& list, const std::string& id) {
  return std::ranges::any_of(list, [&](const Match& match) {
    return match.prefix ? id.substr(0, match.value.size()) == match.value : id == match.value;
  });
}

struct Setting {
  const TimeoutPolicy* policy;
  const TimeoutItem* item;
};

void apply_timeouts(const Mesh& mesh, const Dataplane& client, const std::string& service,
                    ReferenceRoute& out) {
  out.connect_seconds = 5;
  out.idle_seconds = 3600;
  std::vector<const TimeoutPolicy*> policies;
  for (const auto& policy : mesh.timeouts) {
    if (selects_proxy(policy.top, client)) policies.push_back(&policy);
  }
  std::vector<Setting> settings;
  for (const auto* policy : policies) {
    for (const auto& item : policy->to) {
      if (item.to.kind == "Mesh" || (!service.empty() && item.to.name == service))
        settings.push_back({policy, &item});
    }
  }
  // Insertion sort keeps items of one policy in their order.
  std::vector<Setting> ordered;
  for (const auto& setting : settings) {
    auto place = ordered.end();
    while (place != ordered.begin()) {
      const auto& before = *std::prev(place);
      const bool same_top = rank(before.policy->top.kind) == rank(setting.policy->top.kind);
      const bool stronger = !same_top ? rank(before.policy->top.kind) > rank(setting.policy->top.kind)
                            : before.item->to.kind != setting.item->to.kind
                                ? rank(before.item->to.kind) > rank(setting.item->to.kind)
                                : before.policy->name < setting.policy->name;
      if (!stronger) break;
      --place;
    }
    ordered.insert(place, setting);
  }
  for (const auto& setting : ordered) {
    if (setting.item->connect_seconds) out.connect_seconds = *setting.item->connect_seconds;
    if (setting.item->idle_seconds) out.idle_seconds = *setting.item->idle_seconds;
  }
}

std::set<std::string> endpoints(const Mesh& mesh, const Tags& wanted) {
  std::set<std::string> out;
  for (const auto& dataplane : mesh.dataplanes) {
    for (const auto& inbound : dataplane.inbounds) {
      if (subset(wanted, inbound.tags)) out.insert(dataplane.address + ":" + std::to_string(inbound.port));
    }
  }
  return out;
}

bool passes_outside(const Mesh& mesh, const Dataplane& client, const SocketAddr& destination) {
  std::vector<const Passthrough*> policies;
  for (const auto& policy : mesh.passthroughs) {
    if (selects_proxy(policy.top, client)) policies.push_back(&policy);
  }
  if (policies.empty()) return mesh.passthrough;
  std::ranges::sort(policies, weaker<Passthrough>);
  std::string mode = "Matched";
  for (const auto* policy : policies) {
    if (!policy->mode.empty()) mode = policy->mode;
  }
  if (mode != "Matched") return mode == "All";
  for (const auto* policy : policies) {
    for (const auto& match : policy->matches) {
      const bool port = match.port == 0 || match.port == destination.port;
      if (port && Prefix::parse(match.cidr)->contains(destination.ip)) return true;
    }
  }
  return false;
}

}  // namespace

std::string reference_admit(const Mesh& mesh, const Dataplane& server, const Inbound& inbound,
                            const Dataplane& client) {
  std::vector<const Permission*> policies;
  for (const auto& policy : mesh.permissions) {
    if (selects_inbound(policy.top, server, inbound)) policies.push_back(&policy);
  }
  const auto id = client_id(client);
  if (std::ranges::any_of(policies, [](const Permission* policy) { return !policy->rules.empty(); })) {
    bool allowed = false;
    for (const auto* policy : policies) {
      for (const auto& rule : policy->rules) {
        if (matches(rule.deny, id)) return "deny";
        allowed = allowed || matches(rule.allow, id);
      }
    }
    return allowed ? "allow" : "deny";
  }
  std::ranges::sort(policies, weaker<Permission>);
  std::string action = "Deny";
  for (const auto* policy : policies) {
    for (const auto& item : policy->from) {
      if (subset(demanded(item.client), client.inbounds.front().tags)) action = item.action;
    }
  }
  return action == "Allow" ? "allow" : action == "Deny" ? "deny" : "shadow";
}

ReferenceRoute reference_route(const Mesh& mesh, const Dataplane& client, const SocketAddr& destination) {
  ReferenceRoute out;
  std::string service;
  for (const auto& outbound : client.outbounds) {
    if (destination.text() != "127.0.0.1:" + std::to_string(outbound.port)) continue;
    out.endpoints = endpoints(mesh, outbound.tags);
    out.verdict = out.endpoints.empty() ? "no_endpoints" : "mesh";
    service = outbound.tags.at("kuma.io/service");
  }
  for (const auto& dataplane : mesh.dataplanes) {
    for (const auto& inbound : dataplane.inbounds) {
      if (destination.text() != dataplane.address + ":" + std::to_string(inbound.port)) continue;
      out.endpoints = {destination.text()};
      out.verdict = "mesh";
      service = inbound.tags.at("kuma.io/service");
    }
  }
  if (out.verdict.empty()) out.verdict = passes_outside(mesh, client, destination) ? "outside" : "refused";
  apply_timeouts(mesh, client, service, out);
  return out;
}

}  // namespace sluice::policy::property
