#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "ctl/table.h"
#include "ctl/verb.h"

namespace sluice::ctl {
namespace {

struct ExplainFlags {
  std::string id, client, from, to;
};

Tone verdict_tone(const std::string& verdict) {
  if (verdict == "refused" || verdict == "failed") return Tone::bad;
  return verdict == "allowed" || verdict == "live" ? Tone::good : Tone::plain;
}

std::string render(const Json& explanation, bool colour) {
  const auto verdict = text(explanation, "verdict");
  std::string out = toned(printable(text(explanation, "subject")), Tone::bold, colour) + "\n";
  out += fmt::format("verdict  {}", toned(printable(verdict, true), verdict_tone(verdict), colour));
  // A connection that is live or imagined has no reason to have ended.
  if (const auto reason = text(explanation, "reason"); !reason.empty() && reason != "none") {
    out += ", " + printable(reason);
    if (const auto meaning = text(explanation, "meaning"); !meaning.empty()) out += ": " + printable(meaning);
  }
  out += "\n\n";
  Table table({">#", "STAGE", "DECIDED", "WHERE"});
  std::size_t count = 0;
  for (const Json& step : list(explanation, "steps")) {
    table.add({std::to_string(++count), text(step, "stage"), text(step, "decided"), text(step, "where")});
    if (const auto because = text(step, "because"); !because.empty()) table.note(because);
  }
  if (!table.empty()) out += table.render(colour) + "\n";
  const auto next = text(explanation, "next_step");
  out += fmt::format("next     {}\n", next.empty() || next == "-" ? "nothing to do" : printable(next));
  return out;
}

int explain(const Session& session, const ExplainFlags& flags) {
  const bool real = !flags.client.empty() || (!flags.to.empty() && flags.from.empty());
  const int ways = int{!flags.id.empty()} + int{real} + int{!flags.from.empty()};
  if (ways != 1 || (!flags.from.empty() && flags.to.empty()))
    return session.misused({"explain needs an ID, or --client and/or --to, or --from with --to",
                            "`sluice connections` and `sluice connections --finished` list the ids"});
  const auto answer = session.client().json(
      {.path = {"v1", "explain"},
       .query = {{"id", flags.id}, {"client", flags.client}, {"from", flags.from}, {"to", flags.to}}});
  if (!answer) return session.fail(answer.error());
  session.show(*answer, [&] { return render(*answer, session.colour()); });
  return kExitOk;
}

}  // namespace

void add_explain(Verbs& verbs) {
  const auto flags = std::make_shared<ExplainFlags>();
  auto& verb = verbs.add(
      "explain", "Why a connection went the way it did: a real one by id or client, or an imagined one.",
      "sluice explain 4711\n  sluice explain --client 10.0.0.5 --to 10.0.1.9:80\n"
      "  sluice explain --from web --to redis:6379",
      [flags](const Session& session) { return explain(session, *flags); });
  verb.add_option("id", flags->id, "id of a live or finished connection");
  verb.add_option("--client", flags->client,
                  "newest real connection of this address, kernel denials included")
      ->type_name("ADDRESS[:PORT]");
  verb.add_option("--from", flags->from, "imagine a connection from this workload")->type_name("WORKLOAD");
  verb.add_option("--to", flags->to, "the destination; alone: the newest real connection to it")
      ->type_name("ADDRESS:PORT|SERVICE");
}

}  // namespace sluice::ctl
