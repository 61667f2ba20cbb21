// A flight row's numbers as addresses and words.
#pragma once

#include <string>

#include "base/address.h"
#include "base/flight.h"

namespace sluice::agent {

SocketAddr client_of(const FlightRow& row);
SocketAddr destination_of(const FlightRow& row);
SocketAddr upstream_of(const FlightRow& row);
std::string direction_word(const FlightRow& row);
std::string transport_word(const FlightRow& row);

}  // namespace sluice::agent
