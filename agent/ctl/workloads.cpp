#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "ctl/table.h"
#include "ctl/verb.h"

namespace sluice::ctl {
namespace {

// "80:8080/http strict"
std::string inbound_word(const Json& inbound) {
  const auto port = whole(inbound, "port");
  const auto service = whole(inbound, "service_port");
  auto word = std::to_string(port);
  if (service != port && service != 0) word += fmt::format(":{}", service);
  return fmt::format("{}/{} {}", word, text(inbound, "protocol"), text(inbound, "tls_mode"));
}

std::string render(const Json& answer, bool colour) {
  Table table({"NAME", "MESH", "READY", "ATTACHED", "ADDRESSES", "INBOUNDS", "IDENTITY", "PASSTHROUGH",
               "GUARD", "FAIL"});
  for (const Json& workload : list(answer, "workloads")) {
    // One inbound stands once for each address of the workload; the addresses have a column of their own.
    std::vector<std::string> inbounds;
    for (const Json& inbound : list(workload, "inbounds"))
      if (const auto word = inbound_word(inbound); std::ranges::find(inbounds, word) == inbounds.end())
        inbounds.push_back(word);
    const bool ready = flag(workload, "ready");
    table.add({text(workload, "name"),
               text(workload, "mesh"),
               {ready ? "yes" : "NO", ready ? Tone::good : Tone::bad},
               fmt::format("{} {}", text(workload, "kind"), text(workload, "attach")),
               joined(list(workload, "addresses"), " "),
               fmt::format("{}", fmt::join(inbounds, ", ")),
               text(workload, "identity"),
               text(workload, "passthrough"),
               text(workload, "guard"),
               text(workload, "fail_mode")});
    if (const auto problem = text(workload, "problem"); !problem.empty()) table.note(problem, Tone::bad);
  }
  if (table.empty()) return "No workload is enrolled on this node. `sluice enroll --help` shows how.\n";
  return table.render(colour);
}

}  // namespace

void add_workloads(Verbs& verbs) {
  verbs.add("workloads", "Lists the workloads enrolled on this node.", "sluice workloads",
            [](const Session& session) {
              const auto answer = session.client().json({.path = {"v1", "workloads"}});
              if (!answer) return session.fail(answer.error());
              session.show(*answer, [&] { return render(*answer, session.colour()); });
              return kExitOk;
            });
}

}  // namespace sluice::ctl
