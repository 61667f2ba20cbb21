#include <fmt/core.h>
#include <poll.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <optional>

#include "ctl/table.h"
#include "ctl/verb.h"
#include "ctl/words.h"

namespace sluice::ctl {
namespace {

constexpr int kLookMs = 50;
// More than the keeper gives all steps together.
constexpr auto kPatience = std::chrono::seconds(90);

std::string render(const Json& before, const Json& after, bool colour) {
  const Json& upgrade = field(after, "upgrade");
  if (const auto problem = text(upgrade, "problem"); !problem.empty())
    return toned("Not upgraded: ", Tone::bad, colour) + printable(problem) + "\n";
  auto out = fmt::format("{} in {}: agent {} -> {}, proxy {} -> {}\n", toned("Upgraded", Tone::good, colour),
                         seconds_word(number(upgrade, "took_seconds")), whole(before, "agent_pid"),
                         whole(after, "agent_pid"), whole(before, "proxy_pid"), whole(after, "proxy_pid"));
  for (const Json& proxy : list(upgrade, "leaving"))
    out += fmt::format("proxy {} goes on with {} for {} at most\n", whole(proxy, "pid"),
                       count_word(whole(proxy, "connections_open"), "connection"),
                       seconds_word(number(proxy, "seconds_left")));
  return out;
}

// The first status that tells of an end after `ended_before`. The agent is away for a moment, which is no
// fault.
std::optional<Json> wait_for_end(const Client& client, std::uint64_t ended_before) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    const auto status = client.json({.path = {"v1", "status"}});
    if (status && whole(field(*status, "upgrade"), "ended") > ended_before) return *status;
    ::poll(nullptr, 0, kLookMs);
  }
  return std::nullopt;
}

int upgrade(const Session& session) {
  const auto before = session.client().json({.path = {"v1", "status"}});
  if (!before) return session.fail(before.error());
  const auto begun =
      session.client().json({.method = "POST", .path = {"v1", "upgrade"}, .query = {}, .body = "{}"});
  if (!begun) return session.fail(begun.error());
  const auto after = wait_for_end(session.client(), whole(*begun, "ended_before"));
  if (!after) return session.fail({"the upgrade has not ended", "see `sluice status` and the daemon's log"});
  session.show(*after, [&] { return render(*before, *after, session.colour()); });
  return text(field(*after, "upgrade"), "problem").empty() ? kExitOk : kExitFailed;
}

}  // namespace

void add_upgrade(Verbs& verbs) {
  verbs.add("upgrade", "Takes over the installed binaries; open connections live on in the earlier proxy.",
            "sluice upgrade", upgrade);
}

}  // namespace sluice::ctl
