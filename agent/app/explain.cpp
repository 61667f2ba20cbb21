// explain: why a real or an imagined connection went the way it did.
#include <algorithm>

#include <fmt/format.h>

#include "app/agent.h"
#include "app/flight_text.h"
#include "lua/syntax.h"
#include "policy/table/explain.h"

namespace sluice::agent {
namespace {

std::string verdict_of(const ReasonInfo& info) {
  switch (info.kind) {
    case ReasonClass::pass:
      return "passed by";
    case ReasonClass::deny:
      return "refused";
    case ReasonClass::fail:
      return "failed";
    case ReasonClass::take:
    case ReasonClass::end:
      break;
  }
  return "allowed";
}

Explanation with_reason(std::string subject, Reason reason) {
  const auto& info = reason_info(reason);
  Explanation out;
  out.subject = std::move(subject);
  out.verdict = verdict_of(info);
  out.reason = info.word;
  out.meaning = info.meaning;
  out.next_step = info.next_step == "-" ? std::string() : std::string(info.next_step);
  return out;
}

// The rules that policy looked at, strongest first; `decided` is told apart from what merely was near.
void add_rules(Explanation& out, const policy::Explanation& policy) {
  out.steps.push_back({"policy", policy.allowed ? "allowed" : std::string(reason_info(policy.reason).word),
                       policy.summary, ""});
  for (const auto& rule : policy.rules) {
    const std::string because = rule.decided ? "this rule decided: " + rule.effect
                                : rule.matched
                                    ? "matches, but a stronger rule decided: " + rule.effect
                                    : fmt::format("does not match ({}): {}", rule.missing, rule.effect);
    const auto where =
        rule.rule.file.empty() ? std::string() : fmt::format("{}:{}", rule.rule.file, rule.rule.line);
    out.steps.push_back(
        {"policy", rule.rule.policy.empty() ? "built-in default" : rule.rule.policy, because, where});
  }
}

// Scripts that an earlier version took and this one cannot run.
void add_scripts(Explanation& out, const policy::Table& table, const policy::Explanation& policy) {
  for (const auto& filter : policy.scripts) {
    const auto problem = lua::syntax_problem(filter.code);
    if (problem.empty()) continue;
    const auto& reason = reason_info(filter.fail_open ? Reason::lua_failed_open : Reason::lua_not_loaded);
    out.steps.push_back({"script", std::string(reason.word),
                         fmt::format("Lua filter {} does not compile, so every request {}: {}", filter.name,
                                     filter.fail_open ? "passes unjudged" : "is refused", problem),
                         table.rule(filter.rule).text()});
  }
}

bool matches(const SocketAddr& address, const std::string& wanted) {
  if (wanted.empty()) return true;
  if (const auto full = SocketAddr::parse(wanted)) return *full == address;
  const auto ip = IpAddr::parse(wanted);
  return ip && *ip == address.ip;
}

bool matches(const SocketAddr& address, const std::string& wanted, std::uint16_t port) {
  return matches(address, wanted) && (port == 0 || port == address.port);
}

// kuma:// and spiffe:// names of a workload as its peer would see them.
struct PeerNames {
  std::vector<std::string> spiffe;
  std::vector<std::string> kuma;
  policy::Peer peer() const { return {spiffe, kuma, {}}; }
};

PeerNames names_of(const policy::WorkloadImage& workload) {
  PeerNames out;
  for (const auto& uri : workload.identities)
    (uri.starts_with("kuma://") ? out.kuma : out.spiffe).push_back(uri);
  return out;
}

const policy::WorkloadImage* find_workload(const policy::Table& table, const std::string& name) {
  const auto ip = IpAddr::parse(name);
  for (const auto& workload : table.image().workloads)
    if (workload.name == name ||
        (ip && std::ranges::find(workload.addresses, *ip) != workload.addresses.end()))
      return &workload;
  return nullptr;
}

// An address as given, or the first inbound of the workload or service of that name.
std::optional<SocketAddr> find_destination(const policy::Table& table, const std::string& to,
                                           std::uint16_t port, const policy::WorkloadImage* client) {
  if (const auto full = SocketAddr::parse(to)) return full;
  if (const auto ip = IpAddr::parse(to)) return SocketAddr{*ip, port};
  const auto of_inbounds = [&](const policy::WorkloadImage& workload) -> std::optional<SocketAddr> {
    for (const auto& inbound : workload.inbounds)
      if (port == 0 || inbound.address.port == port) return inbound.address;
    return std::nullopt;
  };
  for (const auto& workload : table.image().workloads)
    if (workload.name == to) return of_inbounds(workload);
  const auto& image = table.image();
  for (const auto& service : image.services) {
    if (service.name != to) continue;
    // What lies outside the mesh is reached by an address of the service's own.
    const bool inside = !service.backends.empty() && !image.workloads[service.backends[0].workload].external;
    if (inside) break;
    if (!service.vips.empty()) return service.vips.front();
    for (const auto& outbound : image.outbounds)
      if (&image.services[outbound.service] == &service && &image.workloads[outbound.workload] == client &&
          !outbound.addresses.empty())
        return outbound.addresses.front();
  }
  for (const auto& service : table.image().services)
    if (service.name == to && !service.backends.empty())
      return table.image()
          .workloads[service.backends[0].workload]
          .inbounds[service.backends[0].inbound]
          .address;
  return std::nullopt;
}

}  // namespace

Outcome<Explanation> Agent::explain(const ExplainRequest& request) const {
  if (request.id) {
    for (const auto& rows : {parts_.flight.live(), parts_.flight.finished()})
      for (const auto& row : rows)
        if (row.id == *request.id) return explain_row(row);
    for (const auto& event : events_.events())
      if (event.id == *request.id) return explain_event(event);
    return fault(fmt::format("connection {} is not (or no longer) recorded", *request.id),
                 "see `sluice connections`");
  }
  if (request.from.empty()) return explain_newest(request);
  return explain_imagined(request);
}

Outcome<Explanation> Agent::explain_newest(const ExplainRequest& request) const {
  const FlightRow* newest = nullptr;
  // Read in this order, one that ends meanwhile is in both and not in neither.
  const auto live = parts_.flight.live();
  auto rows = parts_.flight.finished();
  rows.insert(rows.end(), live.begin(), live.end());
  for (const auto& row : rows)
    if (matches(client_of(row), request.client) && matches(destination_of(row), request.to, request.port) &&
        (newest == nullptr || row.opened_mono_ns > newest->opened_mono_ns))
      newest = &row;
  const auto& events = events_.events();
  const auto event = std::find_if(events.rbegin(), events.rend(), [&](const KernelEvent& e) {
    // At connect() the source is not chosen yet, so the workload's own addresses count as well.
    bool client = matches(e.local, request.client);
    if (const auto* workload = table_ ? table_->workload(e.workload) : nullptr;
        workload != nullptr && !client)
      for (const auto& ip : workload->addresses)
        client = client || matches({ip, e.local.port}, request.client);
    return client && matches(e.remote, request.to, request.port);
  });
  if (event != events.rend()) {
    const auto when = static_cast<std::uint64_t>(event->time.time_since_epoch().count());
    if (newest == nullptr || when > newest->opened_mono_ns) return explain_event(*event);
  }
  if (newest == nullptr)
    return fault("no such connection is recorded on this node", "see `sluice connections`");
  return explain_row(*newest);
}

Outcome<Explanation> Agent::explain_row(const FlightRow& row) const {
  const bool live = row.closed_mono_ns == 0;
  const auto reason = reason_from_number(row.reason).value_or(Reason::none);
  auto out =
      with_reason(fmt::format("connection {} ({}): {} -> {}, {} of {}", row.id, live ? "live" : "finished",
                              client_of(row).text(), destination_of(row).text(), direction_word(row),
                              workload_name(row.workload)),
                  reason);
  if (live) out.verdict = "live";
  const bool inbound = row.direction == static_cast<std::uint8_t>(Direction::inbound);
  out.steps.push_back(
      {"hook", inbound ? "captured_inbound" : "captured_outbound",
       inbound ? "sk_lookup gave the connection to the workload's inbound listener"
               : "the connect hook marked the socket and sk_lookup gave it to the outbound listener",
       inbound ? "bpf/sk_lookup.bpf.c" : "bpf/connect.bpf.c"});
  if (row.service[0] != '\0')
    out.steps.push_back({"service", row.service, "destination belongs to this service", ""});
  explain_names(row.service, out);
  if (upstream_of(row).port != 0)
    out.steps.push_back({"endpoint", upstream_of(row).text(), "carried by " + transport_word(row), ""});
  if (row.peer_identity[0] != '\0')
    out.steps.push_back({"certificate", row.peer_identity,
                         row.resumed != 0 ? "session was resumed" : "full handshake",
                         certificates_.serial_of(WorkloadId{row.workload})});
  if (row.rule[0] != '\0') out.steps.push_back({"policy", row.rule, "this rule decided", row.rule});
  const bool policy_said = reason == Reason::permission_denied || reason == Reason::permission_denied_live;
  if (inbound && table_ && table_->workload(WorkloadId{row.workload}) != nullptr && (policy_said || live)) {
    PeerNames names;
    if (const auto* client = find_workload(*table_, client_of(row).ip.text())) names = names_of(*client);
    if (names.spiffe.empty() && row.peer_identity[0] != '\0') names.spiffe.emplace_back(row.peer_identity);
    const auto peer = names.peer();
    add_rules(out, policy::explain_admit(*table_, WorkloadId{row.workload}, OrigDst(destination_of(row)),
                                         row.peer_identity[0] == '\0' ? nullptr : &peer,
                                         ClientAddr(client_of(row))));
  }
  if (!live)
    out.steps.push_back(
        {"end", out.reason, row.step[0] == '\0' ? out.meaning : fmt::format("at: {}", row.step), ""});
  return out;
}

Outcome<Explanation> Agent::explain_event(const KernelEvent& event) const {
  auto out = with_reason(fmt::format("kernel decision {}: {} (pid {}) of {} -> {}", event.id, event.program,
                                     event.pid, workload_name(number(event.workload)), event.remote.text()),
                         event.reason);
  out.steps.push_back({"hook", out.reason, out.meaning, "bpf"});
  if (table_ && table_->workload(event.workload) != nullptr)
    add_rules(out, policy::explain_outbound(*table_, event.workload, OrigDst(event.remote)));
  return out;
}

Outcome<Explanation> Agent::explain_imagined(const ExplainRequest& request) const {
  if (!table_) return fault("there is no table yet", "see `sluice status`");
  const auto* client = find_workload(*table_, request.from);
  const auto destination = find_destination(*table_, request.to, request.port, client);
  if (!destination)
    return fault(fmt::format("'{}' is no address, workload or service", request.to),
                 "see `sluice workloads`");
  if (client == nullptr && !IpAddr::parse(request.from))
    return fault(fmt::format("'{}' is no workload and no address", request.from), "see `sluice workloads`");
  Explanation out;
  out.subject = fmt::format("imagined connection {} -> {}", request.from, destination->text());
  bool allowed = true;
  auto reason = Reason::captured_outbound;
  if (client != nullptr && client->local) {
    out.steps.push_back({"hook", "captured_outbound or passed by",
                         "the connect hook knows mesh addresses and declared "
                         "outbounds; everything else follows the passthrough rules",
                         "bpf/connect.bpf.c"});
    const auto outbound = policy::explain_outbound(*table_, client->id, OrigDst(*destination));
    allowed = outbound.allowed;
    reason = outbound.reason;
    add_rules(out, outbound);
    add_scripts(out, *table_, outbound);
    explain_names(request.to, out);
  }
  const auto* server = find_workload(*table_, destination->ip.text());
  std::string ask;
  if (allowed && server != nullptr && !server->local) {
    ask = fmt::format("ask the same on the node of {}: it decides whether this client is admitted",
                      server->name);
    out.steps.push_back({"policy", "not decided here", "permissions are enforced on the server's node", ""});
  }
  if (allowed && server != nullptr && server->local) {
    const bool mtls = client != nullptr && client->mtls;
    const auto names = client != nullptr ? names_of(*client) : PeerNames{};
    const auto peer = names.peer();
    if (mtls)
      out.steps.push_back({"certificate", names.spiffe.empty() ? "none" : names.spiffe.front(),
                           "the client authenticates with this identity",
                           certificates_.serial_of(client->id)});
    const ClientAddr from(SocketAddr{IpAddr::parse(request.from).value_or(IpAddr{}), 0});
    const auto inbound =
        policy::explain_admit(*table_, server->id, OrigDst(*destination), mtls ? &peer : nullptr, from);
    allowed = inbound.allowed;
    reason = inbound.reason;
    add_rules(out, inbound);
    add_scripts(out, *table_, inbound);
  }
  const auto& info = reason_info(reason);
  out.verdict = !allowed ? "refused" : ask.empty() ? "allowed" : "allowed to leave this node";
  out.reason = info.word;
  out.meaning = info.meaning;
  out.next_step = ask;
  if (!allowed && info.next_step != "-") out.next_step = info.next_step;
  return out;
}

}  // namespace sluice::agent
