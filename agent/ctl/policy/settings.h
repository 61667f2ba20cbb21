// What the policies set for one flow beyond the verdict, from the rules of the two proxies.
#pragma once

#include <string>
#include <vector>

#include "ctl/policy/simulation.h"

namespace sluice::ctl {

// Fills answer.settings: of the client for its destination, of the first endpoint for its client.
// Precondition: client, service and endpoints are set.
void add_settings(const policy::MeshWorld& mesh, FlowAnswer& answer);

// The names of a MeshService's ports; `port` 0: all.
std::vector<std::string> sections_of(const policy::Resource& service, std::uint16_t port);

}  // namespace sluice::ctl
