// What upstream's schema does to a document before matching and merging see it: fields that it does not know
// are dropped, and those with a default are filled in.
#pragma once

#include "policy/document/node.h"
#include "policy/kinds/schema.h"

namespace sluice::policy {

// Fills every field that has a default and is absent or null. What is added carries the mark of the null it
// replaces, else that of its mapping, so that findings about it have a place. Values that do not have the
// schema's form are left for check_schema.
void apply_defaults(const Schema& schema, Node& node);
// Removes fields that the schema does not know. check_schema, which tells of them, comes first.
void drop_unknown(const Schema& schema, Node& node);

}  // namespace sluice::policy
