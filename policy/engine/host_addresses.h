// What the names that documents give instead of addresses stand for, as somebody outside of this library has
// found out.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/address.h"

namespace sluice::policy {

using HostNames = std::set<std::string>;
// A name that is not there has no address that is known.
using HostAddresses = std::map<std::string, std::vector<IpAddr>, std::less<>>;

}  // namespace sluice::policy
