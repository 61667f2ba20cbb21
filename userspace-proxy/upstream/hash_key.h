// What a request is hashed by for ring hash and Maglev (MeshLoadBalancingStrategy's hashPolicies).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/address.h"
#include "policy/table/http_image.h"
#include "policy/table/route_index.h"
#include "upstream/random.h"

namespace sluice::upstream {

struct HashSource {
  std::string_view target;                       // path and query
  const policy::HeaderFields* fields = nullptr;  // null: TCP
  ClientAddr client;
};

struct HashKey {
  std::optional<std::uint64_t> hash;  // nothing: no policy found its part, any endpoint will do
  std::string set_cookie;             // not empty: to be added to the answer as Set-Cookie
};

// Envoy's combination: each policy that finds its part is mixed in, a terminal one ends the list once there
// is a hash. A cookie that a request lacks is made where the policy says so; without a lifetime it is one of the
// client's session. filter_state finds nothing: nothing here has one.
HashKey hash_key(std::span<const policy::HashPolicy> policies, const HashSource& source, Random& random);

// The value of one cookie of a Cookie field, without quotes.
std::optional<std::string_view> cookie_value(std::string_view cookies, std::string_view name);
// The first value of a query parameter, as it was sent.
std::optional<std::string_view> query_value(std::string_view target, std::string_view name);

}  // namespace sluice::upstream
