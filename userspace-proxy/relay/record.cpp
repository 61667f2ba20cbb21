#include "relay/record.h"

#include <algorithm>
#include <cstring>

namespace sluice::relay {
namespace {

void put_address(std::uint8_t (&ip)[16], std::uint16_t& port, const SocketAddr& address) {
  std::memcpy(ip, address.ip.bytes.data(), sizeof ip);
  port = address.port;
}

std::uint64_t nanos(auto time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

}  // namespace

Record::Record(RecordSinks& sinks, Direction direction, WorkloadId workload, const ClientAddr& client_address,
               Kind kind)
    : sinks_(sinks), quiet_(kind == Kind::quiet) {
  if (!quiet_) row_.id = sinks_.flight.next_id(sinks_.worker);
  row_.opened_wall_ns = nanos(sinks_.clock.wall());
  row_.opened_mono_ns = nanos(sinks_.clock.now());
  row_.workload = number(workload);
  row_.worker = static_cast<std::uint32_t>(sinks_.worker);
  row_.direction = static_cast<std::uint8_t>(direction);
  client(client_address);
  if (quiet_) return;
  slot_ = sinks_.flight.open_row(sinks_.worker, row_);
  sinks_.flight.add(sinks_.worker, Metric::connections_open, 1);
  sinks_.flight.add(sinks_.worker,
                    direction == Direction::outbound ? Metric::connections_accepted_outbound
                                                     : Metric::connections_accepted_inbound,
                    1);
}

Record::~Record() {
  if (!ended_) end(Error{Reason::internal_error, Origin::internal, 0, "record"});
}

void Record::workload_name(std::string_view name) {
  const std::size_t size = std::min(name.size(), entry_.workload.size() - 1);
  std::memcpy(entry_.workload.data(), name.data(), size);
}

void Record::client(const ClientAddr& client) {
  put_address(row_.client_ip, row_.client_port, client);
}

void Record::destination(const OrigDst& destination) {
  put_address(row_.destination_ip, row_.destination_port, destination);
}

void Record::upstream(const UpstreamAddr& upstream) {
  put_address(row_.upstream_ip, row_.upstream_port, upstream);
}

void Record::service(std::string_view service) {
  set_text(row_.service, service);
}

void Record::peer(std::string_view identity) {
  set_text(row_.peer_identity, identity);
}

void Record::rule(std::string_view rule) {
  set_text(row_.rule, rule);
}

void Record::transport(Transport transport) {
  row_.transport = static_cast<std::uint8_t>(transport);
}

void Record::resumed(bool resumed) {
  row_.resumed = resumed ? 1 : 0;
}

void Record::table(std::uint64_t content_hash) {
  row_.table_hash = content_hash;
}

void Record::publish() {
  publish_bytes();
  if (slot_) sinks_.flight.update_row(*slot_, row_);
}

void Record::publish_bytes() {
  if (quiet_) return;
  sinks_.flight.add(sinks_.worker, Metric::bytes_from_client,
                    static_cast<std::int64_t>(row_.bytes_from_client - published_from_client_));
  sinks_.flight.add(sinks_.worker, Metric::bytes_to_client,
                    static_cast<std::int64_t>(row_.bytes_to_client - published_to_client_));
  published_from_client_ = row_.bytes_from_client;
  published_to_client_ = row_.bytes_to_client;
}

void Record::request(const Request& request) {
  ++row_.requests;
  row_.bytes_from_client += request.bytes_from_client;
  row_.bytes_to_client += request.bytes_to_client;
  AccessEntry entry = entry_;
  FlightRow& row = entry.row;
  row.closed_mono_ns = nanos(sinks_.clock.now());
  const std::uint64_t began = nanos(request.began);
  row.opened_wall_ns += began > row.opened_mono_ns ? began - row.opened_mono_ns : 0;
  row.opened_mono_ns = began;
  row.reason = static_cast<std::uint8_t>(request.end.reason);
  row.sys_errno = request.end.sys_errno;
  row.http_status = request.status;
  row.retries = request.retries;
  row.bytes_from_client = request.bytes_from_client;
  row.bytes_to_client = request.bytes_to_client;
  put_address(row.upstream_ip, row.upstream_port, request.upstream);
  set_text(row.step, request.end.step);
  set_text(row.method, request.method);
  set_text(row.path, request.path);
  if (!request.service.empty()) set_text(row.service, request.service);
  if (!request.rule.empty()) set_text(row.rule, request.rule);
  sinks_.flight.count(sinks_.worker, request.end.reason);
  sinks_.flight.close_row(sinks_.worker, std::nullopt, row);
  if (!sinks_.access_log.push(sinks_.worker, entry)) {
    sinks_.flight.add(sinks_.worker, Metric::access_log_dropped, 1);
  }
}

void Record::end(const Error& error) {
  if (ended_) return;
  ended_ = true;
  if (quiet_) return;
  row_.reason = static_cast<std::uint8_t>(error.reason);
  row_.sys_errno = error.sys_errno;
  set_text(row_.step, error.step);
  row_.closed_mono_ns = nanos(sinks_.clock.now());
  publish_bytes();
  sinks_.flight.add(sinks_.worker, Metric::connections_open, -1);
  sinks_.flight.count(sinks_.worker, error.reason);
  sinks_.flight.close_row(sinks_.worker, slot_, row_);
  if (!sinks_.access_log.push(sinks_.worker, entry_)) {
    sinks_.flight.add(sinks_.worker, Metric::access_log_dropped, 1);
  }
}

}  // namespace sluice::relay
