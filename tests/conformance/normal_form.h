// Comparing JSON as the corpus says: durations in one unit, no nulls, no empty containers, lists in order,
// objects by key.
#pragma once

#include <string>

#include "data.h"

namespace sluice::conformance {

Json normal_form(const Json& json);

// The first places (by path) where the normal forms differ; empty when they are the same.
std::string json_difference(const Json& expected, const Json& found);

}  // namespace sluice::conformance
