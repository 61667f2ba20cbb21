// What changes for whom between two sets of documents: values of proxies, and who may call whom.
#pragma once

#include <string>
#include <vector>

#include "ctl/policy/simulation.h"
#include "ctl/verb.h"

namespace sluice::ctl {

struct Change {
  std::string mesh, dataplane, part, kind, who, field;
  std::string before, after;  // JSON, or a verdict; empty: not there
  std::string where;          // of the new value, else of the old one
};

struct Changes {
  std::vector<Change> list;  // by mesh and Dataplane, changed verdicts last
  bool cut_short = false;    // there are more than are listed
};

Changes changes_between(const Simulation& before, const Simulation& after);

// Shows them; returns kExitFailed when there are any.
int show_changes(const Session& session, const Changes& changes);

}  // namespace sluice::ctl
