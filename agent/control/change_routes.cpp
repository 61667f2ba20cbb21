#include <fmt/core.h>

#include <array>

#include "control/body.h"
#include "control/handlers.h"

namespace sluice::control {
namespace {

constexpr std::size_t kNameBytesMax = 253;  // a Kubernetes object's name
constexpr std::size_t kPathBytesMax = 4096;
constexpr std::size_t kInboundsMax = 64;
constexpr std::uint32_t kPortMax = 65535;

// "true" and "1" of a query; empty and "false" are false.
Outcome<bool> query_flag(const Request& request, std::string_view name) {
  const auto text = query_text(request, name);
  if (text == "true" || text == "1") return true;
  if (text.empty() || text == "false" || text == "0") return false;
  return fault(fmt::format("query parameter {}={} is neither true nor false", name, text));
}

Answer refused_apply(const agent::ApplyRefusal& refusal) {
  auto out = json_answer(to_json(refusal));
  out.response.status = 422;
  return out;
}

std::vector<agent::EnrollInbound> inbounds_of(Body& body) {
  std::vector<agent::EnrollInbound> out;
  for (Body& item : body.objects("inbounds", kInboundsMax)) {
    agent::EnrollInbound inbound;
    inbound.port = static_cast<std::uint16_t>(item.number("port", kPortMax));
    inbound.service_port = static_cast<std::uint16_t>(item.number("service_port", kPortMax));
    inbound.protocol = item.text("protocol", kNameBytesMax);
    if (inbound.port == 0) item.refuse("port", "must be a port from 1 to 65535");
    if (auto good = item.finish(); !good) {
      body.refuse("inbounds", fmt::format("is wrong: {}", good.error().message));
      return {};
    }
    out.push_back(std::move(inbound));
  }
  return out;
}

Outcome<agent::EnrollRequest> enroll_request(const std::string& text) {
  auto body = Body::parse(text);
  if (!body) return std::unexpected(body.error());
  agent::EnrollRequest request;
  request.name = body->text("name", kNameBytesMax);
  request.mesh = body->text("mesh", kNameBytesMax);
  request.kind = body->text("kind", kNameBytesMax);
  request.target = body->text("target", kPathBytesMax);
  request.address = body->text("address", kNameBytesMax);
  request.service = body->text("service", kNameBytesMax);
  request.fail_mode = body->text("fail_mode", kNameBytesMax);
  request.dry_run = body->flag("dry_run");
  request.inbounds = inbounds_of(*body);
  if (request.name.empty()) body->refuse("name", "is missing");
  if (request.kind != "netns" && request.kind != "cgroup" && request.kind != "unit")
    body->refuse("kind", "must be netns, cgroup or unit");
  if (request.target.empty()) body->refuse("target", "is missing: the namespace, cgroup or unit");
  if (auto good = body->finish(); !good) return std::unexpected(good.error());
  return request;
}

}  // namespace

Answer post_resources(agent::AgentApi& api, const Request& request, const PathValues&) {
  const auto strict = query_flag(request, "strict");
  if (!strict) return refuse(400, strict.error());
  const auto dry_run = query_flag(request, "dry_run");
  if (!dry_run) return refuse(400, dry_run.error());
  if (request.body.empty())
    return refuse(400, Fault{"the request has no body", "send one or more YAML documents as the body"});
  auto source = query_text(request, "source");
  if (source.empty()) source = "request";
  const auto applied = api.apply({request.body, source, *strict, *dry_run});
  return applied ? json_answer(to_json(*applied)) : refused_apply(applied.error());
}

Answer delete_resource(agent::AgentApi& api, const Request& request, const PathValues& values) {
  const agent::ResourceKey key{values[0], query_text(request, "mesh"), values[1]};
  if (const auto found = api.resource(key); !found) return refuse(404, found.error());
  if (const auto removed = api.remove(key); !removed) return refuse(409, removed.error());
  return json_answer(Json{{"deleted", {{"kind", key.kind}, {"mesh", key.mesh}, {"name", key.name}}}});
}

Answer post_workloads(agent::AgentApi& api, const Request& request, const PathValues&) {
  const auto wanted = enroll_request(request.body);
  if (!wanted) return refuse(400, wanted.error());
  const auto enrolled = api.enroll(*wanted);
  if (!enrolled) return refused_apply(enrolled.error());
  auto json = to_json(*enrolled);
  json["yaml"] = enrolled->yaml;
  return json_answer(json);
}

Answer delete_workload(agent::AgentApi& api, const Request& request, const PathValues& values) {
  const auto mesh = query_text(request, "mesh");
  if (const auto removed = api.unenroll(mesh, values[0]); !removed) return refuse(409, removed.error());
  return json_answer(Json{{"unenrolled", {{"mesh", mesh}, {"name", values[0]}}}});
}

Answer put_log(agent::AgentApi& api, const Request& request, const PathValues&) {
  auto body = Body::parse(request.body);
  if (!body) return refuse(400, body.error());
  const auto word = body->text("level", kNameBytesMax);
  if (const auto good = body->finish(); !good) return refuse(400, good.error());
  for (const auto level : {LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error}) {
    if (log_level_word(level) != word) continue;
    api.set_log_level(level);
    return json_answer(Json{{"level", word}});
  }
  return refuse(400,
                Fault{fmt::format("log level '{}' is not known", word), "use debug, info, warn or error"});
}

Answer post_upgrade(agent::AgentApi& api, const Request& request, const PathValues&) {
  auto body = Body::parse(request.body);
  if (!body) return refuse(400, body.error());
  if (const auto good = body->finish(); !good) return refuse(400, good.error());
  const auto upgrade = api.status().upgrade;
  if (const auto begun = api.upgrade(); !begun) return refuse(409, begun.error());
  return json_answer(Json{{"ended_before", upgrade.ended}});
}

Answer post_uninstall(agent::AgentApi& api, const Request& request, const PathValues&) {
  auto body = Body::parse(request.body);
  if (!body) return refuse(400, body.error());
  if (const auto good = body->finish(); !good) return refuse(400, good.error());
  const auto report = api.uninstall();
  if (!report) return refuse(500, report.error());
  auto out = json_answer(to_json(*report));
  out.shutdown = true;
  return out;
}

}  // namespace sluice::control
