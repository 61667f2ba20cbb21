// Fragments are no documents: each is the argument of one validation function of Kuma.
#pragma once

#include <optional>
#include <string>

#include "data.h"
#include "policy/document/diagnostic.h"
#include "policy/document/dialect.h"

namespace sluice::conformance {

// `kind`: "fragment-TargetRef"; `options`: the parameters of the function. Nothing for a kind that is unknown
// here.
std::optional<policy::Diagnostics> judge_fragment(const std::string& kind, const std::string& text,
                                                  const Json& options, policy::Dialect dialect);

}  // namespace sluice::conformance
