// The flight recorder: one shared memory (memfd, made by the keeper) that outlives proxy and agent. The proxy
// writes, the agent reads. Per worker: metric cells and counters by reason; a table of live connections; a
// ring of finished ones. The proxy is the less trusted side: the agent copies each row under its sequence
// number and checks every field before use (FlightReader). Proxies of an upgrade live side by side: each
// writes a lane of its own, and the reader sees all lanes as one.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/reason.h"
#include "base/result.h"

namespace sluice {

enum class Metric : std::uint8_t {
#define SLUICE_METRIC(id, kind, name, help) id,
#include "base/metrics.def"
#undef SLUICE_METRIC
};
inline constexpr std::size_t kMetricCount = 0
#define SLUICE_METRIC(id, kind, name, help) +1
#include "base/metrics.def"
#undef SLUICE_METRIC
    ;

struct MetricInfo {
  std::string_view name;
  std::string_view help;
  bool gauge;
};
const MetricInfo& metric_info(Metric metric);

inline constexpr std::size_t kFlightWorkersMax = 64;
inline constexpr std::size_t kFlightReasonsMax = 256;
// Room for more: programs of an upgrade may know different ends of metrics.def.
inline constexpr std::size_t kFlightMetricsMax = 256;
static_assert(kMetricCount <= kFlightMetricsMax);
// Rows in all; each of the writer's workers owns an equal share of both (8192 / 4 workers = 2048 live rows
// each).
inline constexpr std::size_t kFlightLiveRows = 8192;
inline constexpr std::size_t kFlightFinishedRows = 4096;
// Changes with any change of the layout below, and when metrics.def changes other than at its end; the keeper
// refuses to carry other memory over.
inline constexpr std::uint32_t kFlightVersion = 4;
// Proxy processes that may live at once.
inline constexpr std::size_t kFlightLanes = 4;

enum class Direction : std::uint8_t { outbound, inbound };
// How the bytes travel towards the server (outbound) or came in (inbound).
enum class Transport : std::uint8_t { none, plaintext, mesh_tls, tunnel, same_node, app_tls };

// One connection as `sluice connections` and `explain` show it, without its texts.
struct FlightFacts {
  std::uint64_t id = 0;  // unique in this instance; 0 = empty slot
  std::uint64_t opened_wall_ns = 0;
  std::uint64_t opened_mono_ns = 0;
  std::uint64_t closed_mono_ns = 0;  // 0 while live
  std::uint64_t bytes_from_client = 0;
  std::uint64_t bytes_to_client = 0;
  std::uint64_t table_hash = 0;  // content hash of the table that decided
  std::uint32_t workload = 0;
  std::uint32_t worker = 0;
  std::int32_t sys_errno = 0;
  std::uint8_t direction = 0;  // Direction
  std::uint8_t transport = 0;  // Transport
  std::uint8_t reason = 0;     // Reason; none while live
  std::uint8_t resumed = 0;    // TLS session was resumed
  std::uint16_t client_port = 0;
  std::uint16_t destination_port = 0;
  std::uint16_t upstream_port = 0;
  std::uint16_t http_status = 0;  // a request's row: what the client was answered; 0: nothing
  std::uint8_t client_ip[16] = {};
  std::uint8_t destination_ip[16] = {};
  std::uint8_t upstream_ip[16] = {};
  std::uint32_t retries = 0;
  std::uint32_t requests = 0;  // a connection's row: that it has carried
};

// The same with its texts, each cut to fit and zero-terminated.
struct FlightRow : FlightFacts {
  char step[32] = {};            // the step that ended it, e.g. "upstream connect"
  char rule[160] = {};           // policy name and file:line that decided
  char peer_identity[160] = {};  // first SPIFFE URI of the peer
  char service[64] = {};         // destination service or passthrough
  char method[8] = {};           // of a request; empty: the row is a connection's
  char path[88] = {};            // without the query
};

// Copies text into a field of FlightRow that has none yet, cut to fit; how much of it.
template <std::size_t N>
std::size_t put_text(char (&field)[N], std::string_view text) {
  return text.copy(field, N - 1);  // not memcpy, which an empty view's null pointer must not reach
}

// The same into any field, terminated.
template <std::size_t N>
void set_text(char (&field)[N], std::string_view text) {
  const std::size_t size = put_text(field, text);
  std::memset(field + size, 0, N - size);
}

struct FlightMemory;  // a hold on the shared memory, flight.cpp

// Writer side, in the proxy. One per process, shared by its workers; each worker passes its own index and
// touches only its own cells and rows, so nothing is contended and nothing is locked.
class FlightWriter {
 public:
  // workers: 1..kFlightWorkersMax, how many indices are in use. Call take_over before the workers start.
  // lane: below kFlightLanes, no other living process's.
  static Outcome<FlightWriter> open(int memfd, std::size_t workers, std::size_t lane = 0);
  FlightWriter(FlightWriter&&) noexcept;
  FlightWriter& operator=(FlightWriter&&) noexcept;
  ~FlightWriter();

  // Zeroes the gauges and frees the live rows that an earlier proxy process left in the lane; each of those
  // that is whole is recorded as finished at `now`, with reason internal_error and step "proxy ended".
  void take_over(MonoTime now);
  void add(std::size_t worker, Metric metric, std::int64_t delta);
  void count(std::size_t worker, Reason reason);
  // Index of a live slot, or nothing when the worker's share is full (the connection goes on unlisted).
  std::optional<std::size_t> open_row(std::size_t worker, const FlightRow& row);
  void update_row(std::size_t slot, const FlightRow& row);
  // Frees the live slot and appends the row to the ring of finished ones.
  void close_row(std::size_t worker, std::optional<std::size_t> slot, const FlightRow& row);
  // Never 0, never given twice in the life of the memory.
  std::uint64_t next_id(std::size_t worker);

 private:
  struct State;
  explicit FlightWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Reader side, in the agent. Nothing it returns is unchecked: enumerators are in range, text is terminated
// and printable ASCII. A row that the writer never leaves consistent is left out.
class FlightReader {
 public:
  static Outcome<FlightReader> open(int memfd);
  FlightReader(FlightReader&&) noexcept;
  FlightReader& operator=(FlightReader&&) noexcept;
  ~FlightReader();

  std::int64_t value(Metric metric) const;                    // summed over lanes and workers
  std::int64_t value(Metric metric, std::size_t lane) const;  // 0 for a lane that there is not
  std::uint64_t count(Reason reason) const;                   // summed over lanes and workers
  std::vector<FlightRow> live() const;                        // at most the table's size
  std::vector<FlightRow> finished() const;                    // newest last, at most the ring's size

 private:
  explicit FlightReader(std::unique_ptr<const FlightMemory> memory);
  std::unique_ptr<const FlightMemory> memory_;
};

// Makes the memory (keeper): zeroed, about 7 MB a lane, of which only touched pages exist, size fixed by
// seals.
Outcome<Fd> make_flight_memory();

}  // namespace sluice
