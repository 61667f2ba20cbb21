// Solvers of the match classes, by the product's policy/rules.
#pragma once

#include "match.h"

namespace sluice::conformance {

Outcome<Json> solve_policies(const MatchInput& input);       // dataplanepolicies, dataplane-kind
Outcome<Json> solve_inbounds(const MatchInput& input);       // fromrules
Outcome<Json> solve_one_inbound(const MatchInput& input);    // rules-from
Outcome<Json> solve_inbound_rules(const MatchInput& input);  // inboundrules
Outcome<Json> solve_single(const MatchInput& input);         // rules-single
Outcome<Json> solve_sort(const MatchInput& input);           // sort
Outcome<Json> solve_outbound(const MatchInput& input);       // torules
Outcome<Json> solve_destinations(const MatchInput& input);   // resourcerules, rules-to, meshexternalservice

}  // namespace sluice::conformance
