#include "policy/table/explain.h"

#include <algorithm>

#include "policy/table/explain_http.h"
#include "policy/table/table_index.h"

namespace sluice::policy {

// Reads the table's parts that the data path has no accessor for.
struct Explainer {
  const Table& table;

  std::span<const PermissionRule* const> rules_of(const WorkloadImage& server,
                                                  const OrigDst& destination) const {
    const auto* inbound = table.find_inbound(server, destination);
    if (inbound == nullptr || inbound->tls_mode == TlsMode::off) return {};
    return table.index_->permissions[inbound->permissions].ordered();
  }
};

namespace {

std::string effect_of(PermissionAction action) {
  switch (action) {
    case PermissionAction::deny:
      return "deny";
    case PermissionAction::allow:
      return "allow";
    case PermissionAction::allow_shadow_deny:
      return "allow, shadow deny";
  }
  return {};
}

std::string describe(const Condition& condition) {
  switch (condition.kind) {
    case Condition::Kind::uri_exact:
      return "the peer is not " + condition.value;
    case Condition::Kind::uri_prefix:
      return "the peer's SPIFFE ID does not start with " + condition.value;
    case Condition::Kind::sni_exact:
      return "the peer did not ask for the server name " + condition.value;
  }
  return {};
}

void consider(const Table& table, std::span<const PermissionRule* const> rules, const Peer& peer,
              Explanation& out) {
  bool decided = false;
  for (const auto* rule : rules) {
    ConsideredRule considered{table.rule(rule->rule), effect_of(rule->action), true, false, {}};
    for (const auto& condition : rule->conditions) {
      if (holds(condition, peer)) continue;
      considered.matched = false;
      considered.missing = describe(condition);
      break;
    }
    considered.decided = considered.matched && !decided;
    decided = decided || considered.matched;
    // The deciding rule is kept even when the list is full.
    if (out.rules.size() < kMaxConsidered) {
      out.rules.push_back(std::move(considered));
    } else if (considered.decided) {
      out.rules.back() = std::move(considered);
    }
  }
}

std::string refused(const Refusal& refusal) {
  return std::string(reason_info(refusal.reason).meaning) + " (" + refusal.rule->text() + ")";
}

std::string millis(Nanos value) {
  if (value.count() == 0) return "off";
  return std::to_string(std::chrono::duration_cast<Millis>(value).count()) + " ms";
}

void add_outbound(const Table& table, const OutboundRoute& route, Explanation& out) {
  if (route.size() == 0) {
    out.summary = "service " + std::string(route.service()) + " has no endpoint of its own";
    add_http(table, route, out);
    return;
  }
  const auto permit = route.permit(0);
  const std::string address = permit.address().text();
  if (!route.is_mesh()) {
    out.summary = address + " is outside the mesh and passthrough allows it (" + permit.rule().text() + ")";
    out.rules.push_back({permit.rule(), "passthrough", true, true, {}});
    return;
  }
  out.summary = route.service().empty() ? address + " is an endpoint of the mesh"
                                        : "service " + std::string(route.service()) + " with " +
                                              std::to_string(route.size()) + " endpoint(s)";
  out.summary += permit.encrypt() ? ", mutual TLS" : ", plaintext: the mesh has no mTLS";
  const std::string effect = "connection timeout " + millis(permit.connect_timeout()) + ", idle timeout " +
                             millis(permit.idle_timeout());
  out.rules.push_back({permit.rule(), effect, true, true, {}});
  add_http(table, route, out);
}

}  // namespace

Explanation explain_outbound(const Table& table, WorkloadId client, const OrigDst& destination) {
  Explanation out;
  const auto decision = table.route_outbound(client, destination);
  if (const auto* refusal = std::get_if<Refusal>(&decision)) {
    out.reason = refusal->reason;
    out.summary = refused(*refusal);
    out.rules.push_back({*refusal->rule, "refuse", true, true, {}});
    return out;
  }
  out.allowed = true;
  add_outbound(table, std::get<OutboundRoute>(decision), out);
  return out;
}

Explanation explain_admit(const Table& table, WorkloadId server_id, const OrigDst& destination,
                          const Peer* peer, const ClientAddr& client) {
  Explanation out;
  const auto decision = table.admit(server_id, destination, peer, client);
  if (const auto* refusal = std::get_if<Refusal>(&decision)) {
    out.reason = refusal->reason;
    out.summary = refused(*refusal);
  } else {
    const auto& permit = std::get<Permit>(decision);
    out.allowed = true;
    out.summary = "admitted to " + permit.address().text() + " (" + permit.rule().text() + ")";
  }
  const auto* server = table.workload(server_id);
  if (server != nullptr && peer != nullptr) {
    consider(table, Explainer{table}.rules_of(*server, destination), *peer, out);
  }
  const auto view = table.inbound(server_id, destination);
  if (out.allowed && view.connection_rate != nullptr) add_rate(table, *view.connection_rate, out);
  if (out.allowed && view.http != nullptr) add_http(table, *view.http, peer, out);
  return out;
}

}  // namespace sluice::policy
