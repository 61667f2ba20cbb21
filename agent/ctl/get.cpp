#include <CLI/CLI.hpp>
#include <ostream>

#include "ctl/table.h"
#include "ctl/verb.h"

namespace sluice::ctl {
namespace {

std::string render(const Json& answer, bool colour) {
  Table table({"KIND", "MESH", "NAME", "IN FORCE", "FROM"});
  for (const Json& resource : list(answer, "resources")) {
    const bool in_force = flag(resource, "in_force");
    table.add({text(resource, "kind"),
               text(resource, "mesh"),
               text(resource, "name"),
               {in_force ? "yes" : "NO", in_force ? Tone::plain : Tone::bad},
               text(resource, "origin")});
    if (const auto problem = text(resource, "problem"); !problem.empty()) table.note(problem, Tone::bad);
  }
  if (table.empty()) return "No resources.\n";
  return table.render(colour);
}

// The documents as they were written, so that what `get -o yaml` prints can be applied again.
std::string documents(const Json& resources) {
  std::string out;
  for (const Json& resource : resources) {
    auto yaml = text(resource, "yaml");
    if (!yaml.empty() && !yaml.ends_with('\n')) yaml += '\n';
    if (!out.empty() && !yaml.starts_with("---")) out += "---\n";
    out += yaml;
  }
  return out;
}

struct GetFlags {
  std::string kind, name, mesh;
};

int get(const Session& session, const GetFlags& flags) {
  Call call{.path = {"v1", "resources"}};
  if (flags.name.empty())
    call.query = {{"kind", flags.kind}, {"mesh", flags.mesh}};
  else {
    call.path.insert(call.path.end(), {flags.kind, flags.name});
    call.query = {{"mesh", flags.mesh}};
  }
  auto answer = session.client().json(call);
  if (!answer) return session.fail(answer.error());
  const Json listed = flags.name.empty() ? *answer : Json{{"resources", Json::array({*answer})}};
  if (session.yaml())
    session.terminal().out << documents(list(listed, "resources"));
  else
    session.show(*answer, [&] { return render(listed, session.colour()); });
  return kExitOk;
}

}  // namespace

void add_get(Verbs& verbs) {
  const auto flags = std::make_shared<GetFlags>();
  auto& verb = verbs.add("get", "Lists resources, or shows one; -o yaml prints the documents as written.",
                         "sluice get MeshTrafficPermission allow-web -o yaml",
                         [flags](const Session& session) { return get(session, *flags); });
  verb.add_option("kind", flags->kind, "kind, e.g. Dataplane; all when absent");
  verb.add_option("name", flags->name, "name of one resource");
  verb.add_option("--mesh", flags->mesh, "only of this mesh");
}

void add_delete(Verbs& verbs) {
  const auto flags = std::make_shared<GetFlags>();
  auto& verb = verbs.add(
      "delete", "Deletes a resource that `apply` or `enroll` stored.",
      "sluice delete MeshTrafficPermission allow-web", [flags](const Session& session) {
        const auto answer = session.client().json({.method = "DELETE",
                                                   .path = {"v1", "resources", flags->kind, flags->name},
                                                   .query = {{"mesh", flags->mesh}}});
        if (!answer) return session.fail(answer.error());
        session.show(*answer, [&] { return flags->kind + " " + flags->name + " deleted\n"; });
        return kExitOk;
      });
  verb.add_option("kind", flags->kind, "kind, e.g. MeshTrafficPermission")->required();
  verb.add_option("name", flags->name, "name of the resource")->required();
  verb.add_option("--mesh", flags->mesh, "its mesh (default: default)");
}

}  // namespace sluice::ctl
