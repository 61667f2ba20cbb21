// Effective configuration as JSON, in a stable order.
#pragma once

#include "ctl/json_view.h"
#include "policy/effective/effective.h"

namespace sluice::ctl {

// {dataplane, outbounds: [{resource, policies}], inbounds: [{port, name, policies}], proxy: {...}}; each
// policy is {conf, origin, values} and, where only some clients get a part, {rules: [{match|tags, conf,
// origin}]}.
Json effective_json(const policy::EffectiveProxy& proxy);

// {kind: {conf, origin, ...}} of one part.
Json policies_json(policy::Part part, const std::vector<policy::EffectivePolicy>& policies);

}  // namespace sluice::ctl
