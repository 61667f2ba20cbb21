// What `apply` of files would change on this node, for whom. Reads the node's resources; changes nothing.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iterator>
#include <set>
#include <tuple>

#include "ctl/policy/changes.h"
#include "ctl/policy/policy.h"

namespace sluice::ctl {
namespace {

// Blank lines that stand for what comes before a document in its file.
constexpr std::size_t kMaxLinesBefore = 100'000;

struct NodeDiffFlags {
  std::vector<std::string> files;
  policy::CheckOptions options;
};

struct Place {
  std::string file;
  std::size_t line = 1;
};

// "/etc/sluice/resources/mesh.yaml:12".
Place place_of(const std::string& origin) {
  const auto colon = origin.rfind(':');
  if (colon == std::string::npos) return {origin, 1};
  std::size_t line = 0;
  const auto* end = origin.data() + origin.size();
  const auto [rest, error] = std::from_chars(origin.data() + colon + 1, end, line);
  if (error != std::errc() || rest != end || line == 0) return {origin, 1};
  return {origin.substr(0, colon), std::min(line, kMaxLinesBefore)};
}

// What is in force on the node, with the places that the node gives.
std::vector<policy::Resource> in_force(const Json& answer, const policy::CheckOptions& options) {
  std::vector<policy::Resource> out;
  for (const Json& one : list(answer, "resources")) {
    if (!flag(one, "in_force")) continue;
    const auto place = place_of(text(one, "origin"));
    const auto content = std::string(place.line - 1, '\n') + text(one, "yaml");
    auto checked = policy::check_text(content, place.file, options);
    std::ranges::move(checked.resources, std::back_inserter(out));
  }
  return out;
}

using Key = std::tuple<std::string, std::string, std::string>;

Key key_of(const policy::Resource& resource) {
  return {resource.kind, resource.mesh, resource.name};
}

// A document takes the place of one with its kind, mesh and name.
std::vector<policy::Resource> with(std::vector<policy::Resource> resources,
                                   std::vector<policy::Resource> documents) {
  std::set<Key> replaced;
  for (const auto& one : documents) replaced.insert(key_of(one));
  std::erase_if(resources, [&](const auto& one) { return replaced.contains(key_of(one)); });
  std::ranges::move(documents, std::back_inserter(resources));
  return resources;
}

int diff(const Session& session, const NodeDiffFlags& flags) {
  auto documents = read_documents(flags.files, flags.options, session.terminal().in);
  if (!documents) return session.misused(documents.error());
  for (const auto& one : documents->diagnostics) tell_errors(one, session.terminal().err);
  if (documents->refused())
    return session.misused(
        {"`apply` would refuse these documents, so nothing would change", "correct what is told above"});
  const auto answer = session.client().json({.path = {"v1", "resources"}});
  if (!answer) return session.fail(answer.error());
  policy::CheckOptions lenient;
  lenient.dialect = flags.options.dialect;
  auto now = in_force(*answer, lenient);
  const auto after = Simulation::of(with(now, std::move(documents->resources)), flags.options.dialect);
  if (!after) return session.misused(after.error());
  const auto before = Simulation::of(std::move(now), flags.options.dialect);
  if (!before) return session.fail(before.error());
  return show_changes(session, changes_between(*before, *after));
}

}  // namespace

void add_diff(Verbs& verbs) {
  const auto flags = std::make_shared<NodeDiffFlags>();
  auto& verb = verbs.add(
      "diff", "Tells what `apply` of files would change on this node, for whom; exit 1 when something does.",
      "sluice diff -f permissions.yaml", [flags](const Session& session) { return diff(session, *flags); });
  verb.add_option("-f,--file", flags->files, "file, directory or - for standard input; may be repeated")
      ->required()
      ->type_name("PATH");
  add_judging(verb, flags->options);
}

}  // namespace sluice::ctl
