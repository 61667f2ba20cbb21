#include "ctl/policy/verdicts.h"

#include <map>
#include <variant>

#include "base/reason.h"

namespace sluice::ctl {
namespace {

struct Side {
  explicit Side(const policy::Table& own_table) : table(own_table) {
    for (const auto& workload : table.image().workloads)
      by_name[{table.image().meshes[workload.mesh], workload.name}] = &workload;
  }
  const policy::WorkloadImage* find(const std::string& mesh, const std::string& name) const {
    const auto found = by_name.find({mesh, name});
    return found == by_name.end() ? nullptr : found->second;
  }

  const policy::Table& table;
  std::map<std::pair<std::string, std::string>, const policy::WorkloadImage*> by_name;
};

struct Verdict {
  std::string text, rule;
};

Verdict verdict_of(const Side& side, const policy::WorkloadImage& server, const SocketAddr& at,
                   const policy::WorkloadImage& client) {
  std::vector<std::string> spiffe;
  std::vector<std::string> kuma;
  for (const auto& uri : client.identities) (uri.starts_with("kuma://") ? kuma : spiffe).push_back(uri);
  const policy::Peer peer{spiffe, kuma, {}};
  const SocketAddr source{client.addresses.empty() ? IpAddr{} : client.addresses.front(), 0};
  const auto decision =
      side.table.admit(server.id, OrigDst(at), client.mtls ? &peer : nullptr, ClientAddr(source));
  if (const auto* refusal = std::get_if<policy::Refusal>(&decision)) {
    return {"deny: " + std::string(reason_info(refusal->reason).word),
            refusal->rule == nullptr || refusal->rule->policy.empty() ? "" : refusal->rule->text()};
  }
  const auto& rule = std::get<policy::Permit>(decision).rule();
  return {"allow", rule.policy.empty() ? "" : rule.text()};
}

// One client for each set of identities; the others are answered alike.
std::vector<const policy::WorkloadImage*> distinct_clients(const Side& side, std::uint32_t mesh) {
  std::map<std::vector<std::string>, const policy::WorkloadImage*> by_identity;
  for (const auto& workload : side.table.image().workloads)
    if (workload.mesh == mesh) by_identity.emplace(workload.identities, &workload);
  std::vector<const policy::WorkloadImage*> out;
  for (const auto& [identities, workload] : by_identity) out.push_back(workload);
  return out;
}

}  // namespace

std::vector<ChangedVerdict> changed_verdicts(const policy::Table& before, const policy::Table& after) {
  const Side old_side(before);
  const Side new_side(after);
  std::vector<ChangedVerdict> out;
  std::map<std::uint32_t, std::vector<const policy::WorkloadImage*>> clients;
  for (const auto& server : after.image().workloads) {
    const auto& mesh = after.image().meshes[server.mesh];
    const auto* old_server = old_side.find(mesh, server.name);
    if (old_server == nullptr) continue;
    auto [known, first] = clients.try_emplace(server.mesh);
    if (first) known->second = distinct_clients(new_side, server.mesh);
    for (const auto& inbound : server.inbounds) {
      for (const auto* client : known->second) {
        const auto* old_client = old_side.find(mesh, client->name);
        if (old_client == nullptr || client == &server) continue;
        const auto was = verdict_of(old_side, *old_server, inbound.address, *old_client);
        const auto is = verdict_of(new_side, server, inbound.address, *client);
        if (was.text != is.text)
          out.push_back({mesh, server.name, inbound.name, client->name, was.text, is.text, is.rule});
      }
    }
  }
  return out;
}

}  // namespace sluice::ctl
