#include "ctl/policy/changes.h"

#include <fmt/core.h>

#include <map>
#include <set>
#include <tuple>

#include "ctl/policy/effective_rows.h"
#include "ctl/policy/verdicts.h"
#include "ctl/table.h"

namespace sluice::ctl {
namespace {

constexpr std::size_t kMaxChanges = 10000;

using Key = std::tuple<std::string, std::string, std::string, std::string>;
using RowMap = std::map<Key, EffectiveRow>;

RowMap rows_of(const policy::MeshWorld& mesh, const policy::DataplaneModel& dataplane) {
  RowMap out;
  for (auto& row : effective_rows(policy::effective_for(mesh, dataplane))) {
    Key key{row.part, row.kind, row.who, row.field};
    // Entries that stand alone may say the same of the same clients.
    while (out.contains(key)) std::get<3>(key) += "+";
    out.emplace(std::move(key), std::move(row));
  }
  return out;
}

class Comparison {
 public:
  Comparison(const Simulation& before, const Simulation& after) : before_(before), after_(after) {}

  Changes run() {
    std::set<std::string> meshes;
    for (const auto* side : {&before_, &after_})
      for (const auto& [name, mesh] : side->world().meshes) meshes.insert(name);
    for (const auto& mesh : meshes) compare_mesh(mesh);
    for (auto& one : changed_verdicts(before_.table(), after_.table()))
      add({one.mesh, one.server, "in " + one.inbound, "MeshTrafficPermission", one.client, "verdict",
           one.before, one.after, one.rule});
    return std::move(out_);
  }

 private:
  using Dataplanes = std::map<std::string, const policy::DataplaneModel*>;

  static Dataplanes dataplanes_of(const Simulation& side, const std::string& mesh) {
    Dataplanes out;
    const auto found = side.world().meshes.find(mesh);
    if (found == side.world().meshes.end()) return out;
    for (const auto& one : found->second.dataplanes) out.emplace(one.resource->name, &one);
    return out;
  }

  void compare_mesh(const std::string& mesh) {
    const auto old_ones = dataplanes_of(before_, mesh);
    const auto new_ones = dataplanes_of(after_, mesh);
    for (const auto& [name, dataplane] : old_ones)
      if (!new_ones.contains(name)) add({mesh, name, "Dataplane", "", "", "", "there", "", ""});
    for (const auto& [name, dataplane] : new_ones) {
      const auto old = old_ones.find(name);
      if (old == old_ones.end()) {
        add({mesh, name, "Dataplane", "", "", "", "", "there", ""});
      } else {
        compare_rows(mesh, name, rows_of(before_.world().meshes.at(mesh), *old->second),
                     rows_of(after_.world().meshes.at(mesh), *dataplane));
      }
    }
  }

  void compare_rows(const std::string& mesh, const std::string& name, const RowMap& old_rows,
                    const RowMap& new_rows) {
    const auto tell = [&](const EffectiveRow& row, const std::string& old_value,
                          const std::string& new_value) {
      add({mesh, name, row.part, row.kind, row.who, row.field, old_value, new_value, row.place()});
    };
    for (const auto& [key, row] : old_rows)
      if (!new_rows.contains(key)) tell(row, row.value, "");
    for (const auto& [key, row] : new_rows) {
      const auto old = old_rows.find(key);
      const auto old_value = old == old_rows.end() ? "" : old->second.value;
      if (old_value != row.value) tell(row, old_value, row.value);
    }
  }

  void add(Change change) {
    if (out_.list.size() < kMaxChanges) return out_.list.push_back(std::move(change));
    out_.cut_short = true;
  }

  const Simulation& before_;
  const Simulation& after_;
  Changes out_;
};

Json changes_json(const Changes& changes) {
  Json out = Json::array();
  const auto side = [](const std::string& text) {
    if (text.empty()) return Json();
    auto parsed = Json::parse(text, nullptr, false);
    return parsed.is_discarded() ? Json(text) : parsed;
  };
  for (const auto& one : changes.list)
    out.push_back({{"mesh", one.mesh},
                   {"dataplane", one.dataplane},
                   {"part", one.part},
                   {"kind", one.kind},
                   {"for", one.who},
                   {"field", one.field},
                   {"before", side(one.before)},
                   {"after", side(one.after)},
                   {"where", one.where}});
  return out;
}

std::string changes_text(const Changes& changes, bool colour) {
  if (changes.list.empty()) return "Nothing changes for any proxy.\n";
  Table table({"MESH", "DATAPLANE", "PART", "POLICY", "FOR", "FIELD", "BEFORE", "AFTER", "WHERE"});
  for (const auto& one : changes.list)
    table.add(
        {one.mesh, one.dataplane, one.part, one.kind, one.who, one.field, one.before, one.after, one.where});
  auto out = table.render(colour);
  if (changes.cut_short) out += fmt::format("Only the first {} changes are listed.\n", kMaxChanges);
  return out;
}

}  // namespace

Changes changes_between(const Simulation& before, const Simulation& after) {
  return Comparison(before, after).run();
}

int show_changes(const Session& session, const Changes& changes) {
  session.show(changes_json(changes), [&] { return changes_text(changes, session.colour()); });
  return changes.list.empty() ? kExitOk : kExitFailed;
}

}  // namespace sluice::ctl
