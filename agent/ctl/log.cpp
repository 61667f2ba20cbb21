#include <CLI/CLI.hpp>

#include "ctl/verb.h"

namespace sluice::ctl {
namespace {

int log(const Session& session, const std::string& level) {
  Call call{.path = {"v1", "log"}};
  if (!level.empty()) {
    call.method = "PUT";
    call.body = Json{{"level", level}}.dump();
  }
  const auto answer = session.client().json(call);
  if (!answer) return session.fail(answer.error());
  session.show(*answer, [&] { return "log level " + text(*answer, "level") + "\n"; });
  return kExitOk;
}

}  // namespace

void add_log(Verbs& verbs) {
  const auto level = std::make_shared<std::string>();
  auto& verb =
      verbs.add("log", "Shows or sets the log level of agent and proxy, without a restart.",
                "sluice log debug", [level](const Session& session) { return log(session, *level); });
  verb.add_option("level", *level, "debug, info, warn or error; shows the level when absent")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
}

}  // namespace sluice::ctl
