// Record: the one account of a connection (or tunnel stream). It opens a row of the flight recorder, and its
// single end - end() or the destructor - bumps the counter of the reason, closes the row and emits the one
// access-log line. One thread. What is told to it later overwrites what was told before; the first end()
// wins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/flight.h"
#include "base/workload.h"
#include "relay/access_log.h"

namespace sluice::relay {

// Where records of one worker go. All outlive the records.
struct RecordSinks {
  FlightWriter& flight;
  AccessLog& access_log;
  const Clock& clock;
  std::size_t worker = 0;
};

class Record {
 public:
  // Quiet: of a connection that serves others, which have their records; counted and shown nowhere.
  enum class Kind : bool { quiet, connection };
  Record(RecordSinks& sinks, Direction direction, WorkloadId workload, const ClientAddr& client,
         Kind kind = Kind::connection);
  // A record that nobody ended is an error of ours: internal_error.
  ~Record();
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  void workload_name(std::string_view name);
  void client(const ClientAddr& client);
  void destination(const OrigDst& destination);
  void upstream(const UpstreamAddr& upstream);
  void service(std::string_view service);
  void peer(std::string_view identity);
  void rule(std::string_view rule);
  void transport(Transport transport);
  void resumed(bool resumed);
  void table(std::uint64_t content_hash);

  void add_from_client(std::size_t bytes) { facts_.bytes_from_client += bytes; }
  void add_to_client(std::size_t bytes) { facts_.bytes_to_client += bytes; }
  // Shows the facts and bytes so far to readers of the flight recorder and to the byte metrics.
  void publish();
  // One request of this connection is over: its own row and its own line.
  struct Request {
    std::string_view method, path, service, rule;
    std::uint16_t status = 0;
    std::uint32_t retries = 0;
    UpstreamAddr upstream;
    MonoTime began;
    std::uint64_t bytes_from_client = 0;
    std::uint64_t bytes_to_client = 0;
    Error end;
  };
  void request(const Request& request);

  void end(const Error& error);
  void end(Reason reason) { end(Error{reason, Origin::internal, 0, ""}); }
  bool ended() const { return ended_; }
  const FlightFacts& facts() const { return facts_; }

 private:
  FlightRow row(std::string_view service, std::string_view rule) const;
  AccessEntry entry(std::string_view service, std::string_view rule) const;
  void publish_bytes();

  RecordSinks& sinks_;
  FlightFacts facts_;
  // As long as they are, not as long as a row has room for: a record may be idle for hours.
  std::string workload_;
  std::string service_;
  std::string peer_;
  std::string rule_;
  std::optional<std::size_t> slot_;
  std::uint64_t published_from_client_ = 0;
  std::uint64_t published_to_client_ = 0;
  bool ended_ = false;
  const bool quiet_;
};

}  // namespace sluice::relay
