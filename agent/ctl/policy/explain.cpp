// Why an imagined connection would go the way it does, by the documents alone.
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "base/reason.h"
#include "ctl/policy/policy.h"
#include "ctl/policy/simulation.h"
#include "ctl/table.h"

namespace sluice::ctl {
namespace {

struct ExplainFlags {
  std::vector<std::string> paths;
  Flow flow;
  std::string to;
  policy::ImaginedRequest request;
  std::vector<std::string> headers;
  policy::CheckOptions options;
};

std::string place(const policy::RuleRef& rule) {
  return rule.file.empty() ? "" : fmt::format("{}:{}", rule.file, rule.line);
}

std::string policy_name(const policy::RuleRef& rule) {
  return rule.policy.empty() ? "built-in default" : rule.policy;
}

std::string role_of(const policy::ConsideredRule& rule) {
  if (rule.decided) return "decides";
  if (rule.applies) return "applies";
  return rule.matched ? "matches, a stronger one decides" : "does not match: " + rule.missing;
}

Json rules_json(const std::vector<policy::ConsideredRule>& rules) {
  Json out = Json::array();
  for (const auto& rule : rules) {
    out.push_back({{"policy", policy_name(rule.rule)},
                   {"file", rule.rule.file},
                   {"line", rule.rule.line},
                   {"effect", rule.effect},
                   {"decided", rule.decided},
                   {"applies", rule.applies},
                   {"matched", rule.matched}});
    if (!rule.missing.empty()) out.back()["missing"] = rule.missing;
  }
  return out;
}

Json settings_json(const FlowAnswer& answer) {
  Json out = Json::array();
  for (const auto& setting : answer.settings) {
    Json origins = Json::array();
    for (const auto& origin : setting.origins)
      origins.push_back({{"policy", origin.policy}, {"file", origin.file}, {"line", origin.line}});
    out.push_back({{"kind", setting.kind},
                   {"side", setting.inbound ? "server" : "client"},
                   {"conf", Json::parse(setting.conf.to_json(), nullptr, false)},
                   {"origin", std::move(origins)}});
  }
  return out;
}

Json request_json(const policy::ImaginedRequest& asked, const policy::RequestExplanation& request) {
  return {{"method", asked.method},
          {"path", asked.target},
          {"summary", request.summary},
          {"route", policy_name(request.route)},
          {"file", request.route.file},
          {"line", request.route.line},
          {"redirect", request.redirect},
          {"request_timeout_ms", std::chrono::duration_cast<Millis>(request.request_timeout).count()},
          {"retries", request.retries},
          {"rules", rules_json(request.rules)}};
}

Json answer_json(const Flow& flow, const FlowAnswer& answer) {
  Json endpoints = Json::array();
  for (const auto& endpoint : answer.endpoints)
    endpoints.push_back({{"server", endpoint.server},
                         {"address", endpoint.address.text()},
                         {"allowed", endpoint.admission.allowed},
                         {"reason", reason_info(endpoint.admission.reason).word},
                         {"summary", endpoint.admission.summary},
                         {"rules", rules_json(endpoint.admission.rules)}});
  Json out{{"from", answer.client},
           {"to", flow.to},
           {"dialled", answer.dialled.text()},
           {"service", answer.service},
           {"verdict", answer.verdict()},
           {"reason", reason_info(answer.reason()).word},
           {"outbound",
            {{"allowed", answer.outbound.allowed},
             {"summary", answer.outbound.summary},
             {"rules", rules_json(answer.outbound.rules)}}},
           {"endpoints", std::move(endpoints)},
           {"settings", settings_json(answer)}};
  if (answer.request) out["request"] = request_json(*flow.request, *answer.request);
  return out;
}

// Routes and what hangs on them stand in a table of their own when a request is asked about.
void add_rules(Table& table, const std::string& side, const std::vector<policy::ConsideredRule>& rules,
               bool deciding_only) {
  for (const auto& rule : rules) {
    if (deciding_only && !rule.decided) continue;
    table.add({side,
               policy_name(rule.rule),
               {rule.effect, rule.decided ? Tone::bold : Tone::dim},
               role_of(rule),
               place(rule.rule)});
  }
}

std::string request_text(const Flow& flow, const FlowAnswer& answer, bool colour) {
  if (!flow.request) return {};
  const auto asked = flow.request->method + " " + flow.request->target;
  if (!answer.request)
    return printable("request  " + asked + ": bytes are relayed, no route is asked") + "\n";
  auto out = "request  " +
             printable(asked + " " + answer.request->summary + " by " + policy_name(answer.request->route) +
                       fmt::format(", {} retries", answer.request->retries)) +
             "\n";
  Table routes({"ROUTE", "EFFECT", "ROLE", "WHERE"});
  for (const auto& rule : answer.request->rules)
    routes.add({policy_name(rule.rule),
                {rule.effect, rule.decided ? Tone::bold : Tone::dim},
                role_of(rule),
                place(rule.rule)});
  return out + "\n" + routes.render(colour);
}

std::string answer_text(const Flow& flow, const FlowAnswer& answer, bool colour) {
  const auto verdict = answer.verdict();
  auto out =
      toned(printable(fmt::format("{} -> {}", answer.client, answer.dialled.text())), Tone::bold, colour) +
      "\n";
  out += "verdict  " + toned(verdict, verdict == "allow" ? Tone::good : Tone::bad, colour);
  if (answer.reason() != Reason::none)
    out += fmt::format(", {}: {}", reason_info(answer.reason()).word, reason_info(answer.reason()).meaning);
  out += "\nway out  " + printable(answer.outbound.summary) + "\n";
  for (const auto& endpoint : answer.endpoints)
    out += "server   " + printable(fmt::format("{}: {}", endpoint.server, endpoint.admission.summary)) + "\n";
  out += request_text(flow, answer, colour);
  Table rules({"SIDE", "POLICY", "EFFECT", "ROLE", "WHERE"});
  add_rules(rules, "client", answer.outbound.rules, answer.request.has_value());
  for (const auto& endpoint : answer.endpoints)
    add_rules(rules, endpoint.server, endpoint.admission.rules, false);
  if (!rules.empty()) out += "\n" + rules.render(colour);
  Table settings({"SIDE", "KIND", "SETS", "WHERE"});
  for (const auto& setting : answer.settings) {
    settings.add({setting.inbound ? "server" : "client", setting.kind, setting.conf.to_json(),
                  setting.origins.empty() ? "" : place(setting.origins.back())});
    for (std::size_t i = setting.origins.size(); i-- > 0;)
      settings.note("from " + setting.origins[i].policy + " " + place(setting.origins[i]));
  }
  if (!settings.empty()) out += "\n" + settings.render(colour);
  return out;
}

// Nothing when only the connection is asked about; a fault is a header that is none.
Outcome<std::optional<policy::ImaginedRequest>> request_of(const ExplainFlags& flags) {
  auto request = flags.request;
  for (const auto& text : flags.headers) {
    auto header = header_field(text);
    if (!header) return fault("'" + text + "' is no header", "write --header 'Name: value'");
    request.headers.push_back(*std::move(header));
  }
  if (request.method.empty() && request.target.empty() && request.headers.empty()) return std::nullopt;
  if (request.method.empty()) request.method = "GET";
  if (request.target.empty()) request.target = "/";
  return request;
}

int explain(const Session& session, ExplainFlags flags) {
  auto request = request_of(flags);
  if (!request) return session.misused(request.error());
  flags.flow.request = *std::move(request);
  auto documents = read_documents(flags.paths, flags.options, session.terminal().in);
  if (!documents) return session.misused(documents.error());
  for (const auto& one : documents->diagnostics) tell_errors(one, session.terminal().err);
  std::tie(flags.flow.to, flags.flow.port) = split_destination(flags.to);
  const auto simulation = Simulation::of(std::move(documents->resources), flags.options.dialect);
  if (!simulation) return session.fail(simulation.error());
  const auto answer = simulation->ask(flags.flow);
  if (!answer) return session.fail(answer.error());
  session.show(answer_json(flags.flow, *answer),
               [&] { return answer_text(flags.flow, *answer, session.colour()); });
  return kExitOk;
}

}  // namespace

void add_policy_explain(Verbs& verbs) {
  const auto flags = std::make_shared<ExplainFlags>();
  auto& verb = verbs.add("explain", "Tells which rules decide an imagined connection, and which nearly did.",
                         "sluice policy explain --dir mesh/ --from web --to backend:8080",
                         [flags](const Session& session) { return explain(session, *flags); });
  verb.add_option("--dir", flags->paths, "documents of the mesh: files, directories or - for standard input")
      ->required()
      ->type_name("PATH");
  verb.add_option("--mesh", flags->flow.mesh, "the mesh")->capture_default_str()->type_name("NAME");
  verb.add_option("--from", flags->flow.from, "the client: a Dataplane or a service")
      ->required()
      ->type_name("NAME");
  verb.add_option("--to", flags->to, "a Dataplane, a service, a MeshService or an address")
      ->required()
      ->type_name("NAME[:PORT]");
  verb.add_option("--method", flags->request.method, "of a request: which route takes it (default: GET)")
      ->type_name("METHOD");
  verb.add_option("--path", flags->request.target, "path and query of the request (default: /)")
      ->type_name("PATH");
  verb.add_option("--header", flags->headers, "a header of the request; may be repeated")
      ->type_name("'NAME: VALUE'");
  flags->request = {.method = {}, .target = {}, .headers = {}};
  add_judging(verb, flags->options);
}

}  // namespace sluice::ctl
