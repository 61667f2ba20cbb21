// The `http` part of MeshTimeout (kuma.md 2.1, 4).
#pragma once

#include "policy/engine/entries.h"
#include "policy/engine/rule_book.h"
#include "policy/table/http_image.h"

namespace sluice::policy {

// Does the policy set a timeout that only who reads requests can keep?
bool asks_for_http_timeouts(const Effective& effective);
// To a service: what is not set is 15 s for a request and 30 min for a silent stream.
HttpTimeouts outbound_http_timeouts(const Effective& effective, RuleBook& rules);
// At an inbound the same; without any policy no request timeout, and 1 h for a silent stream.
HttpTimeouts inbound_http_timeouts(const Effective& effective, RuleBook& rules);

}  // namespace sluice::policy
