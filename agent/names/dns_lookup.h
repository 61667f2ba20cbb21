// Questions to DNS servers, and to /etc/hosts before them, by c-ares.
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/clock.h"

namespace sluice::agent {

struct NameAnswer {
  // none: the servers say that there is no such name, or no address for it. failed: they say nothing.
  enum class Kind : std::uint8_t { found, none, failed };
  Kind kind = Kind::failed;
  std::vector<IpAddr> addresses{};  // found: of one family, the one that this host reaches (RFC 6724)
  Nanos ttl{};                      // found: the shortest of all records on the way, aliases too
  std::string why{};                // not found
};
using NameAnswers = std::map<std::string, NameAnswer>;

// As they are written: the resolver's search list is not used. `servers`: addresses, or address:port; empty:
// those of /etc/resolv.conf. Blocks for kLookUpMax at most, and not after a stop was asked for.
inline constexpr Nanos kLookUpMax = std::chrono::seconds(8);
NameAnswers look_up_by_dns(const std::vector<std::string>& names, const std::vector<std::string>& servers,
                           const std::stop_token& stop);

}  // namespace sluice::agent
