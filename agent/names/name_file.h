// What names stood for when the agent ended, for the time until somebody answers: one line for each name, the
// addresses behind it.
#pragma once

#include <string>

#include "base/result.h"
#include "policy/engine/host_addresses.h"

namespace sluice::agent {

// Words that are no addresses are left out, and names without one.
policy::HostAddresses names_of(const std::string& text);
std::string names_text(const policy::HostAddresses& known);
// A file that is missing or damaged is an empty one: it is asked for anyway.
policy::HostAddresses read_names(const std::string& path);
Outcome<> write_names(const std::string& path, const policy::HostAddresses& known);

}  // namespace sluice::agent
