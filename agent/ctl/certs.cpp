#include <CLI/CLI.hpp>

#include <ctime>

#include "ctl/table.h"
#include "ctl/verb.h"
#include "ctl/words.h"

namespace sluice::ctl {
namespace {

constexpr double kSoonSeconds = 3600;

std::string distance(const std::string& utc, double now) {
  const auto at = unix_seconds(utc);
  if (!at) return "";
  return *at >= now ? "in " + seconds_word(*at - now) : seconds_word(now - *at) + " ago";
}

std::string render(const Json& answer, bool colour) {
  const auto now = static_cast<double>(std::time(nullptr));
  Table table({"WORKLOAD", "MESH", "EXPIRES", "ROTATES", "IN FORCE", "SERIAL", "IDENTITY"});
  for (const Json& certificate : list(answer, "certificates")) {
    const auto not_after = text(certificate, "not_after");
    const auto left = unix_seconds(not_after).value_or(now) - now;
    const Tone tone = left <= 0 ? Tone::bad : left < kSoonSeconds ? Tone::warn : Tone::plain;
    const bool in_force = flag(certificate, "in_force");
    const bool authority = flag(certificate, "authority");
    table.add({text(certificate, "workload"),
               text(certificate, "mesh"),
               {distance(not_after, now), tone},
               distance(text(certificate, "rotate_at"), now),
               {in_force    ? "yes"
                : authority ? "-"
                            : "NO",
                in_force || authority ? Tone::plain : Tone::warn},
               text(certificate, "serial"),
               joined(list(certificate, "uris"), " ")});
  }
  if (table.empty()) return "No certificates yet: no mesh with mTLS and no enrolled workload.\n";
  return table.render(colour);
}

}  // namespace

void add_certs(Verbs& verbs) {
  verbs.add("certs", "Lists CA and workload certificates with expiry and rotation.", "sluice certs",
            [](const Session& session) {
              const auto answer = session.client().json({.path = {"v1", "certs"}});
              if (!answer) return session.fail(answer.error());
              session.show(*answer, [&] { return render(*answer, session.colour()); });
              return kExitOk;
            });
}

}  // namespace sluice::ctl
