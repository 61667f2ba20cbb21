// What a table says of requests and endpoints, in words, for explain.h.
#pragma once

#include <string>

#include "policy/table/explain.h"

namespace sluice::policy {

// Routes, splits and what the cluster does, each with the rule that set it.
void add_http(const Table& table, const OutboundRoute& route, Explanation& out);
// "requests for /api/... to backend, request timeout 15000 ms".
std::string describe(const Table& table, const RouteImage& route);
void add_rate(const Table& table, const ConnectionRate& rate, Explanation& out);
void add_http(const Table& table, const HttpInboundImage& inbound, const Peer* peer, Explanation& out);

}  // namespace sluice::policy
