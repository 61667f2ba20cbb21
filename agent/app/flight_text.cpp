#include "app/flight_text.h"

#include <algorithm>
#include <array>

namespace sluice::agent {
namespace {

SocketAddr address(const std::uint8_t (&ip)[16], std::uint16_t port) {
  SocketAddr out;
  std::copy(std::begin(ip), std::end(ip), out.ip.bytes.begin());
  out.port = port;
  return out;
}

}  // namespace

SocketAddr client_of(const FlightRow& row) {
  return address(row.client_ip, row.client_port);
}
SocketAddr destination_of(const FlightRow& row) {
  return address(row.destination_ip, row.destination_port);
}
SocketAddr upstream_of(const FlightRow& row) {
  return address(row.upstream_ip, row.upstream_port);
}

std::string direction_word(const FlightRow& row) {
  return row.direction == static_cast<std::uint8_t>(Direction::inbound) ? "inbound" : "outbound";
}

std::string transport_word(const FlightRow& row) {
  constexpr std::array kWords = {"none", "plaintext", "mesh_tls", "tunnel", "same_node", "app_tls"};
  return row.transport < kWords.size() ? kWords[row.transport] : "none";
}

}  // namespace sluice::agent
