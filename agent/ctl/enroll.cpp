#include <CLI/CLI.hpp>
#include <ostream>

#include "ctl/applied.h"
#include "ctl/inbound_flag.h"
#include "ctl/verb.h"

namespace sluice::ctl {
namespace {

struct EnrollFlags {
  std::string name, mesh, netns, cgroup, unit, service, address, fail_mode;
  std::vector<std::string> inbounds;
  bool dry_run = false;
};

Outcome<Json> request_of(const EnrollFlags& flags) {
  Json inbounds = Json::array();
  for (const auto& text : flags.inbounds) {
    const auto inbound = parse_inbound(text);
    if (!inbound) return std::unexpected(inbound.error());
    inbounds.push_back(Json{
        {"port", inbound->port}, {"service_port", inbound->service_port}, {"protocol", inbound->protocol}});
  }
  const char* kind = !flags.netns.empty() ? "netns" : !flags.cgroup.empty() ? "cgroup" : "unit";
  return Json{{"name", flags.name},
              {"mesh", flags.mesh},
              {"kind", kind},
              {"target", flags.netns + flags.cgroup + flags.unit},  // exactly one is set
              {"address", flags.address},
              {"service", flags.service},
              {"inbounds", std::move(inbounds)},
              {"fail_mode", flags.fail_mode},
              {"dry_run", flags.dry_run}};
}

int enroll(const Session& session, const EnrollFlags& flags) {
  const auto request = request_of(flags);
  if (!request) return session.misused(request.error());
  const auto answer = session.client().send(
      {.method = "POST", .path = {"v1", "workloads"}, .query = {}, .body = request->dump()});
  if (!answer) return session.fail(answer.error());
  if (!answer->ok()) return refused_apply(session, *answer);
  session.show(answer->json, [&] {
    const auto yaml = flags.dry_run ? text(answer->json, "yaml") : std::string();
    return yaml + applied_text(answer->json, session.colour(), flags.dry_run);
  });
  return kExitOk;
}

}  // namespace

void add_enroll(Verbs& verbs) {
  const auto flags = std::make_shared<EnrollFlags>();
  auto& verb =
      verbs.add("enroll", "Captures a workload: writes a Dataplane that binds it to this node.",
                "sluice enroll --name web --netns /run/netns/web --inbound 80:8080/http --service web",
                [flags](const Session& session) { return enroll(session, *flags); });
  verb.add_option("--name", flags->name, "name of the Dataplane")->required();
  verb.add_option("--mesh", flags->mesh, "mesh it joins (default: default)");
  auto* where = verb.add_option_group("where", "what to capture; exactly one");
  where->add_option("--netns", flags->netns, "network namespace, e.g. /run/netns/web")->type_name("PATH");
  where->add_option("--cgroup", flags->cgroup, "cgroup v2 directory of host processes")->type_name("PATH");
  where->add_option("--unit", flags->unit, "systemd unit of host processes")->type_name("UNIT");
  where->require_option(1);
  where->set_help_flag();
  verb.add_option("--service", flags->service, "kuma.io/service of its inbounds (default: the name)");
  verb.add_option("--inbound", flags->inbounds, "port it serves; may be repeated")
      ->type_name("PORT[:SERVICEPORT][/PROTO]");
  verb.add_option("--address", flags->address, "its address (default: the first global one)")
      ->type_name("IP");
  verb.add_option("--fail-mode", flags->fail_mode, "closed-fast, closed or open")
      ->check(CLI::IsMember({"closed-fast", "closed", "open"}));
  verb.add_flag("--dry-run", flags->dry_run, "show the Dataplane and judge it, change nothing");
}

void add_unenroll(Verbs& verbs) {
  const auto name = std::make_shared<std::string>();
  const auto mesh = std::make_shared<std::string>();
  auto& verb =
      verbs.add("unenroll", "Releases a workload: removes its Dataplane.", "sluice unenroll web",
                [name, mesh](const Session& session) {
                  const auto answer = session.client().json(
                      {.method = "DELETE", .path = {"v1", "workloads", *name}, .query = {{"mesh", *mesh}}});
                  if (!answer) return session.fail(answer.error());
                  session.show(*answer, [&] { return "Dataplane " + *name + " removed\n"; });
                  return kExitOk;
                });
  verb.add_option("name,--name", *name, "name of the Dataplane")->required();
  verb.add_option("--mesh", *mesh, "its mesh (default: default)");
}

}  // namespace sluice::ctl
