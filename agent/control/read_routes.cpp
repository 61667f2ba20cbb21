#include <fmt/core.h>

#include <charconv>

#include "base/address.h"
#include "control/handlers.h"

namespace sluice::control {
namespace {

// Rows in one answer; the flight recorder holds more, a reader who wants all asks with limit=.
constexpr std::size_t kConnectionsDefault = 1000;
constexpr std::size_t kConnectionsMax = 100'000;

template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
  Number value{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Target {
  std::string host;
  std::uint16_t port = 0;
};

// "10.0.0.1:80", "[fd00::1]:80", "10.0.0.1", "redis" or "redis:6379".
Outcome<Target> parse_target(const std::string& text) {
  if (const auto address = SocketAddr::parse(text)) return Target{address->ip.text(), address->port};
  if (const auto ip = IpAddr::parse(text)) return Target{ip->text(), 0};
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return Target{text, 0};
  const auto port = whole_number<std::uint16_t>(std::string_view(text).substr(colon + 1));
  if (!port || *port == 0 || colon == 0 || text.find(':') != colon)
    return fault(fmt::format("'{}' is not ADDRESS:PORT or SERVICE[:PORT]", text),
                 "write IPv6 as [ADDRESS]:PORT");
  return Target{text.substr(0, colon), *port};
}

// What explain cannot answer: three ways to ask, not mixed.
std::optional<Fault> wrong_question(const std::string& id, const std::string& client, const std::string& from,
                                    const std::string& to) {
  const bool real = !client.empty() || (!to.empty() && from.empty());
  const bool imagined = !from.empty();
  const bool one_way = int{!id.empty()} + int{real} + int{imagined} == 1;
  if (one_way && (!imagined || !to.empty())) return std::nullopt;
  return Fault{"explain is asked in one of three ways",
               "id=ID; client=ADDRESS and/or to=ADDRESS:PORT for the newest real connection; "
               "from=WORKLOAD&to=ADDRESS:PORT for an imagined one"};
}

}  // namespace

Answer get_version(agent::AgentApi& api, const Request&, const PathValues&) {
  return json_answer(to_json(api.version()));
}

Answer get_status(agent::AgentApi& api, const Request&, const PathValues&) {
  return json_answer(to_json(api.status()));
}

Answer get_check(agent::AgentApi& api, const Request&, const PathValues&) {
  const auto rows = api.check();
  bool ok = true;
  for (const auto& row : rows) ok = ok && (row.ok || !row.fatal);
  return json_answer(Json{{"ok", ok}, {"checks", list_of(rows)}});
}

Answer get_workloads(agent::AgentApi& api, const Request&, const PathValues&) {
  return json_answer(Json{{"workloads", list_of(api.workloads())}});
}

Answer get_resources(agent::AgentApi& api, const Request& request, const PathValues&) {
  return json_answer(
      Json{{"resources", list_of(api.resources(query_text(request, "kind"), query_text(request, "mesh")))}});
}

Answer get_resource(agent::AgentApi& api, const Request& request, const PathValues& values) {
  const auto found = api.resource({values[0], query_text(request, "mesh"), values[1]});
  if (!found) return refuse(404, found.error());
  return json_answer(to_json(*found));
}

Answer get_connections(agent::AgentApi& api, const Request& request, const PathValues&) {
  agent::ConnectionFilter filter;
  filter.workload = query_text(request, "workload");
  filter.limit = kConnectionsDefault;
  if (const auto state = query_text(request, "state"); state == "finished")
    filter.finished = true;
  else if (!state.empty() && state != "live")
    return refuse(400, Fault{fmt::format("state '{}' is not known", state), "use live or finished"});
  if (const auto text = query_text(request, "limit"); !text.empty()) {
    const auto limit = whole_number<std::size_t>(text);
    if (!limit || *limit == 0 || *limit > kConnectionsMax)
      return refuse(
          400,
          Fault{fmt::format("limit '{}' is not a whole number from 1 to {}", text, kConnectionsMax), ""});
    filter.limit = *limit;
  }
  const auto found = api.connections(filter);
  if (!found) return refuse(404, found.error());
  return json_answer(Json{{"connections", list_of(*found)}});
}

Answer get_explain(agent::AgentApi& api, const Request& request, const PathValues&) {
  agent::ExplainRequest wanted;
  wanted.client = query_text(request, "client");
  wanted.from = query_text(request, "from");
  const auto id = query_text(request, "id");
  const auto to = query_text(request, "to");
  if (const auto wrong = wrong_question(id, wanted.client, wanted.from, to)) return refuse(400, *wrong);
  if (!id.empty()) {
    wanted.id = whole_number<std::uint64_t>(id);
    if (!wanted.id)
      return refuse(
          400, Fault{fmt::format("'{}' is not a connection id", id), "`sluice connections` lists the ids"});
  }
  if (!to.empty()) {
    const auto target = parse_target(to);
    if (!target) return refuse(400, target.error());
    wanted.to = target->host;
    wanted.port = target->port;
  }
  const auto explained = api.explain(wanted);
  if (!explained) return refuse(404, explained.error());
  return json_answer(to_json(*explained));
}

Answer get_certs(agent::AgentApi& api, const Request&, const PathValues&) {
  return json_answer(Json{{"certificates", list_of(api.certificates())}});
}

Answer get_log(agent::AgentApi& api, const Request&, const PathValues&) {
  return json_answer(Json{{"level", log_level_word(api.log_level())}});
}

Answer get_metrics(agent::AgentApi& api, const Request&, const PathValues&) {
  Answer out;
  out.response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  out.response.body = api.metrics_text();
  return out;
}

}  // namespace sluice::control
