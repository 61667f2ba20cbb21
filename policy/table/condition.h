// What a rule of an inbound asks of the peer. A rule holds when all of its conditions do; without conditions
// it speaks of everybody, plaintext included.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::policy {

// One condition on the peer's authenticated URIs or on the server name it asked for.
struct Condition {
  enum class Kind : std::uint8_t {
    uri_exact,   // one of the peer's URIs equals value (spiffe://mesh/service or kuma://tag/value)
    uri_prefix,  // one of the peer's SPIFFE IDs begins with value; plain text, as in Kuma: "../ns" means
                 // "../ns2" too
    sni_exact
  };
  Kind kind = Kind::uri_exact;
  std::string value;
  bool operator==(const Condition&) const = default;
};

}  // namespace sluice::policy
