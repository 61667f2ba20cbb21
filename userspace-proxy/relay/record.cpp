#include "relay/record.h"

#include <cstring>
#include <tuple>

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
  if (!quiet_) facts_.id = sinks_.flight.next_id(sinks_.worker);
  facts_.opened_wall_ns = nanos(sinks_.clock.wall());
  facts_.opened_mono_ns = nanos(sinks_.clock.now());
  facts_.workload = number(workload);
  facts_.worker = static_cast<std::uint32_t>(sinks_.worker);
  facts_.direction = static_cast<std::uint8_t>(direction);
  client(client_address);
  if (quiet_) return;
  slot_ = sinks_.flight.open_row(sinks_.worker, row(service_, rule_));
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
  workload_ = name.substr(0, std::tuple_size_v<decltype(AccessEntry::workload)> - 1);
}

void Record::client(const ClientAddr& client) {
  put_address(facts_.client_ip, facts_.client_port, client);
}

void Record::destination(const OrigDst& destination) {
  put_address(facts_.destination_ip, facts_.destination_port, destination);
}

void Record::upstream(const UpstreamAddr& upstream) {
  put_address(facts_.upstream_ip, facts_.upstream_port, upstream);
}

void Record::service(std::string_view service) {
  service_ = service.substr(0, sizeof(FlightRow::service) - 1);
}

void Record::peer(std::string_view identity) {
  peer_ = identity.substr(0, sizeof(FlightRow::peer_identity) - 1);
}

void Record::rule(std::string_view rule) {
  rule_ = rule.substr(0, sizeof(FlightRow::rule) - 1);
}

void Record::transport(Transport transport) {
  facts_.transport = static_cast<std::uint8_t>(transport);
}

void Record::resumed(bool resumed) {
  facts_.resumed = resumed ? 1 : 0;
}

void Record::table(std::uint64_t content_hash) {
  facts_.table_hash = content_hash;
}

FlightRow Record::row(std::string_view service, std::string_view rule) const {
  FlightRow row;
  static_cast<FlightFacts&>(row) = facts_;
  put_text(row.service, service);
  put_text(row.peer_identity, peer_);
  put_text(row.rule, rule);
  return row;
}

AccessEntry Record::entry(std::string_view service, std::string_view rule) const {
  AccessEntry entry{.row = row(service, rule)};
  workload_.copy(entry.workload.data(), entry.workload.size() - 1);
  return entry;
}

void Record::publish() {
  publish_bytes();
  if (slot_) sinks_.flight.update_row(*slot_, row(service_, rule_));
}

void Record::publish_bytes() {
  if (quiet_) return;
  sinks_.flight.add(sinks_.worker, Metric::bytes_from_client,
                    static_cast<std::int64_t>(facts_.bytes_from_client - published_from_client_));
  sinks_.flight.add(sinks_.worker, Metric::bytes_to_client,
                    static_cast<std::int64_t>(facts_.bytes_to_client - published_to_client_));
  published_from_client_ = facts_.bytes_from_client;
  published_to_client_ = facts_.bytes_to_client;
}

void Record::request(const Request& request) {
  ++facts_.requests;
  facts_.bytes_from_client += request.bytes_from_client;
  facts_.bytes_to_client += request.bytes_to_client;
  AccessEntry entry = this->entry(request.service.empty() ? service_ : request.service,
                                  request.rule.empty() ? rule_ : request.rule);
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
  put_text(row.step, request.end.step);
  put_text(row.method, request.method);
  put_text(row.path, request.path);
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
  AccessEntry entry = this->entry(service_, rule_);
  entry.row.reason = static_cast<std::uint8_t>(error.reason);
  entry.row.sys_errno = error.sys_errno;
  put_text(entry.row.step, error.step);
  entry.row.closed_mono_ns = nanos(sinks_.clock.now());
  publish_bytes();
  sinks_.flight.add(sinks_.worker, Metric::connections_open, -1);
  sinks_.flight.count(sinks_.worker, error.reason);
  sinks_.flight.close_row(sinks_.worker, slot_, entry.row);
  if (!sinks_.access_log.push(sinks_.worker, entry)) {
    sinks_.flight.add(sinks_.worker, Metric::access_log_dropped, 1);
  }
}

}  // namespace sluice::relay
