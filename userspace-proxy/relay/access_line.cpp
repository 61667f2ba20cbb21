#include "relay/access_line.h"

#include <fmt/format.h>

#include <cstring>
#include <ctime>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/address.h"

namespace sluice::relay {
namespace {

std::string_view text_of(const char* field, std::size_t size) {
  return {field, ::strnlen(field, size)};
}

std::string timestamp(std::uint64_t wall_ns) {
  const auto seconds = static_cast<std::time_t>(wall_ns / 1'000'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, wall_ns / 1'000'000 % 1000);
}

std::string address(const std::uint8_t (&ip)[16], std::uint16_t port) {
  SocketAddr addr;
  std::memcpy(addr.ip.bytes.data(), ip, sizeof ip);
  addr.port = port;
  return addr.text();
}

// Bare when harmless, else in quotes with escapes: a line stays one line whatever a peer calls itself.
void append_value(std::string& out, std::string_view value) {
  const auto harmless = [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '='; };
  if (!value.empty() && std::ranges::all_of(value, harmless)) {
    out += value;
    return;
  }
  out += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c < ' ' || c >= 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

struct View {
  const FlightRow& row;
  std::uint64_t duration_ns;
  std::string_view reason;
  std::string_view workload, service, peer, rule, step, method, path;
};

View view_of(const AccessEntry& entry) {
  const FlightRow& row = entry.row;
  const auto reason = reason_from_number(row.reason).value_or(Reason::internal_error);
  return {row,
          row.closed_mono_ns > row.opened_mono_ns ? row.closed_mono_ns - row.opened_mono_ns : 0,
          reason_info(reason).word,
          text_of(entry.workload.data(), entry.workload.size()),
          text_of(row.service, sizeof row.service),
          text_of(row.peer_identity, sizeof row.peer_identity),
          text_of(row.rule, sizeof row.rule),
          text_of(row.step, sizeof row.step),
          text_of(row.method, sizeof row.method),
          text_of(row.path, sizeof row.path)};
}

std::string text_line(const View& view) {
  const FlightRow& row = view.row;
  std::string out = timestamp(row.opened_wall_ns + view.duration_ns);
  const auto put = [&out](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    out += ' ';
    out += key;
    out += '=';
    append_value(out, value);
  };
  fmt::format_to(std::back_inserter(out), " {} {}", direction_word(static_cast<Direction>(row.direction)),
                 view.reason);
  if (!view.method.empty()) {
    put("method", view.method);
    put("path", view.path);
    fmt::format_to(std::back_inserter(out), " status={} retries={}", row.http_status, row.retries);
  }
  put("workload", view.workload);
  put("client", address(row.client_ip, row.client_port));
  put("destination", address(row.destination_ip, row.destination_port));
  if (row.upstream_port != 0) put("upstream", address(row.upstream_ip, row.upstream_port));
  put("service", view.service);
  put("peer", view.peer);
  put("rule", view.rule);
  put("transport", transport_word(static_cast<Transport>(row.transport)));
  fmt::format_to(std::back_inserter(out), " resumed={} from_client={} to_client={} duration_ms={:.3f}",
                 row.resumed, row.bytes_from_client, row.bytes_to_client,
                 static_cast<double>(view.duration_ns) / 1e6);
  const char* errno_name = row.sys_errno != 0 ? ::strerrorname_np(row.sys_errno) : nullptr;
  if (errno_name != nullptr) put("errno", errno_name);
  put("step", view.step);
  fmt::format_to(std::back_inserter(out), " id={}", row.id);
  return out;
}

std::string json_line(const View& view) {
  const FlightRow& row = view.row;
  nlohmann::ordered_json line;
  line["time"] = timestamp(row.opened_wall_ns + view.duration_ns);
  line["direction"] = direction_word(static_cast<Direction>(row.direction));
  line["reason"] = view.reason;
  if (!view.method.empty()) {
    line["method"] = view.method;
    line["path"] = view.path;
    line["status"] = row.http_status;
    line["retries"] = row.retries;
  }
  line["workload"] = view.workload;
  line["client"] = address(row.client_ip, row.client_port);
  line["destination"] = address(row.destination_ip, row.destination_port);
  if (row.upstream_port != 0) line["upstream"] = address(row.upstream_ip, row.upstream_port);
  if (!view.service.empty()) line["service"] = view.service;
  if (!view.peer.empty()) line["peer"] = view.peer;
  if (!view.rule.empty()) line["rule"] = view.rule;
  line["transport"] = transport_word(static_cast<Transport>(row.transport));
  line["resumed"] = row.resumed != 0;
  line["from_client"] = row.bytes_from_client;
  line["to_client"] = row.bytes_to_client;
  line["duration_ms"] = static_cast<double>(view.duration_ns) / 1e6;
  if (row.sys_errno != 0) line["errno"] = row.sys_errno;
  if (!view.step.empty()) line["step"] = view.step;
  line["id"] = row.id;
  // Replaced, not thrown: a peer chooses some of these bytes.
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

std::string_view transport_word(Transport transport) {
  switch (transport) {
    case Transport::none:
      return "none";
    case Transport::plaintext:
      return "plaintext";
    case Transport::mesh_tls:
      return "mesh_tls";
    case Transport::tunnel:
      return "tunnel";
    case Transport::same_node:
      return "same_node";
    case Transport::app_tls:
      return "app_tls";
  }
  return "none";
}

std::string_view direction_word(Direction direction) {
  return direction == Direction::outbound ? "outbound" : "inbound";
}

std::string access_line(const AccessEntry& entry, AccessFormat format) {
  const View view = view_of(entry);
  return format == AccessFormat::json ? json_line(view) : text_line(view);
}

}  // namespace sluice::relay
