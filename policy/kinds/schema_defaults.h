// Structural defaults: what upstream's schema writes into a document before anything else looks at it, so
// that checks, matching and merging all see the same values.
#pragma once

#include "policy/document/node.h"
#include "policy/kinds/schema.h"

namespace sluice::policy {

// Fills every field that has a default and is absent or null. What is added carries the mark of the null it
// replaces, else that of its mapping, so that findings about it have a place. Values that do not have the
// schema's form are left for check_schema.
void apply_defaults(const Schema& schema, Node& node);

}  // namespace sluice::policy
