// What a table says of requests and endpoints, in words, for explain.h.
#pragma once

#include "policy/table/explain.h"

namespace sluice::policy {

// Routes, splits and what the cluster does, each with the rule that set it.
void add_http(const Table& table, const OutboundRoute& route, Explanation& out);
void add_http(const Table& table, const HttpInboundImage& inbound, const Peer* peer, Explanation& out);

}  // namespace sluice::policy
