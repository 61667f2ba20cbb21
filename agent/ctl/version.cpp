#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "ctl/verb.h"

namespace sluice::ctl {
namespace {

constexpr const char* kVersion = SLUICE_VERSION;

std::string render(const Json& both) {
  const Json& daemon = field(both, "daemon");
  auto out = fmt::format("sluice   {}\n", kVersion);
  if (daemon.is_null()) return out + "sluiced  not reachable: " + text(both, "daemon_error") + "\n";
  return out + fmt::format("sluiced  {}, kernel {}, ABI {}\n", text(daemon, "version"),
                           text(daemon, "kernel"), whole(daemon, "abi"));
}

}  // namespace

void add_version(Verbs& verbs) {
  verbs.add("version", "Prints the versions of this program and, when it answers, of the daemon.",
            "sluice version", [](const Session& session) {
              const auto daemon = session.client().json({.path = {"v1", "version"}});
              Json both = {{"client", kVersion}, {"daemon", daemon ? *daemon : Json(nullptr)}};
              if (!daemon) both["daemon_error"] = daemon.error().message;
              session.show(both, [&] { return render(both); });
              return kExitOk;  // the program's own version needs no daemon
            });
}

}  // namespace sluice::ctl
