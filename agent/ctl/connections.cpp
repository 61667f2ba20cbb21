#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <ctime>
#include <map>

#include "base/address.h"
#include "ctl/table.h"
#include "ctl/verb.h"
#include "ctl/words.h"

namespace sluice::ctl {
namespace {

struct ConnectionFlags {
  std::string workload, by;
  bool finished = false;
  unsigned limit = 0;
};

// Whole lifetime of a finished one, time since it opened of a live one.
double age_seconds(const Json& connection) {
  if (const Json& duration = field(connection, "duration_seconds"); duration.is_number())
    return duration.get<double>();
  const auto opened = unix_seconds(text(connection, "opened_at"));
  if (!opened) return 0;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::max(0.0, static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9 - *opened);
}

std::uint64_t bytes_of(const Json& connection) {
  return whole(connection, "bytes_from_client") + whole(connection, "bytes_to_client");
}

// Who is at the other end: the proven identity, else the address.
std::string peer_of(const Json& connection) {
  if (const auto identity = text(connection, "peer_identity"); !identity.empty()) return identity;
  const bool inbound = text(connection, "direction") == "inbound";
  const auto address = SocketAddr::parse(text(connection, inbound ? "client" : "destination"));
  return address ? address->ip.text() : "unknown";
}

Tone reason_tone(const std::string& reason) {
  return reason == "live" || reason == "completed" ? Tone::plain : Tone::warn;
}

std::string render_rows(const Json& rows, bool colour) {
  Table table({">ID", "WORKLOAD", "WAY", "CLIENT", "DESTINATION", "SERVICE", "VIA", "PEER", ">AGE", ">SENT",
               ">RECEIVED", "STATE", "RULE"});
  for (const Json& row : rows) {
    const auto reason = text(row, "reason");
    table.add({text(row, "id"),
               text(row, "workload"),
               text(row, "direction") == "inbound" ? "in" : "out",
               text(row, "client"),
               text(row, "destination"),
               text(row, "service"),
               text(row, "transport"),
               text(row, "peer_identity"),
               seconds_word(age_seconds(row)),
               bytes_word(whole(row, "bytes_from_client")),
               bytes_word(whole(row, "bytes_to_client")),
               {reason, reason_tone(reason)},
               text(row, "rule")});
  }
  if (table.empty()) return "No connections.\n";
  return table.render(colour);
}

// Largest key first; equal keys keep their order.
template <typename Key>
Json descending(const Json& rows, Key key) {
  std::vector<std::pair<decltype(key(rows[0])), std::size_t>> order;
  for (const Json& row : rows) order.emplace_back(key(row), order.size());
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  Json out = Json::array();
  for (const auto& [value, index] : order) out.push_back(rows[index]);
  return out;
}

// Sums per workload or peer, most bytes first.
Json grouped(const Json& rows, const std::string& by) {
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> sums;  // count, bytes
  for (const Json& row : rows) {
    auto& [count, bytes] = sums[by == "peer" ? peer_of(row) : text(row, "workload")];
    ++count;
    bytes += bytes_of(row);
  }
  Json out = Json::array();
  for (const auto& [name, sum] : sums)
    out.push_back(Json{{by, name}, {"connections", sum.first}, {"bytes", sum.second}});
  return descending(out, [](const Json& group) { return whole(group, "bytes"); });
}

std::string render_groups(const Json& groups, const std::string& by, bool colour) {
  Table table({by == "peer" ? "PEER" : "WORKLOAD", ">CONNECTIONS", ">BYTES"});
  for (const Json& group : groups)
    table.add(
        {text(group, by), std::to_string(whole(group, "connections")), bytes_word(whole(group, "bytes"))});
  if (table.empty()) return "No connections.\n";
  return table.render(colour);
}

Json sorted(const Json& rows, const std::string& by) {
  if (by == "age") return descending(rows, age_seconds);
  if (by == "bytes") return descending(rows, bytes_of);
  return rows;
}

int connections(const Session& session, const ConnectionFlags& flags) {
  const auto answer =
      session.client().json({.path = {"v1", "connections"},
                             .query = {{"workload", flags.workload},
                                       {"state", flags.finished ? "finished" : "live"},
                                       {"limit", flags.limit == 0 ? "" : std::to_string(flags.limit)}}});
  if (!answer) return session.fail(answer.error());
  const Json& rows = list(*answer, "connections");
  if (flags.by == "workload" || flags.by == "peer") {
    const Json groups = grouped(rows, flags.by);
    session.show(Json{{"groups", groups}}, [&] { return render_groups(groups, flags.by, session.colour()); });
    return kExitOk;
  }
  const Json ordered = sorted(rows, flags.by);
  session.show(Json{{"connections", ordered}}, [&] { return render_rows(ordered, session.colour()); });
  return kExitOk;
}

}  // namespace

void add_connections(Verbs& verbs) {
  const auto flags = std::make_shared<ConnectionFlags>();
  auto& verb = verbs.add("connections", "Lists live connections, newest first, or the last finished ones.",
                         "sluice connections --finished --by bytes",
                         [flags](const Session& session) { return connections(session, *flags); });
  verb.add_option("--workload", flags->workload, "only of this workload");
  verb.add_option("--by", flags->by, "sum by workload or peer; sort by age or bytes")
      ->check(CLI::IsMember({"workload", "peer", "age", "bytes"}));
  verb.add_flag("--finished", flags->finished, "the last finished ones instead of the live ones");
  verb.add_option("--limit", flags->limit, "rows to look at (default 1000)")->check(CLI::Range(1, 100000));
}

}  // namespace sluice::ctl
