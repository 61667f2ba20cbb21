// The World of given documents and one proxy in it, for the verbs that speak of proxies.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/policy/policy.h"
#include "policy/engine/world.h"

namespace sluice::ctl {

// Owns the resources that its World borrows.
struct ReadWorld {
  std::unique_ptr<Documents> documents;
  policy::World world;
};

// A fault is a file that cannot be read; what the documents do wrong is told on `session`'s standard error.
Outcome<ReadWorld> read_world(const Session& session, const std::vector<std::string>& paths,
                              const policy::CheckOptions& options);

struct FoundProxy {
  const policy::MeshWorld* mesh = nullptr;
  policy::DataplaneModel dataplane;
};
Outcome<FoundProxy> find_proxy(const policy::World& world, const std::string& mesh,
                               const std::string& dataplane);

}  // namespace sluice::ctl
