// Random documents made from the schema tables: every kind, every field, values of every form that the schema
// takes and some that it does not; and text for them in many of YAML's spellings.
#pragma once

#include <random>
#include <string>

#include "policy/document/catalog.h"
#include "policy/document/dialect.h"
#include "policy/document/node.h"
#include "policy/kinds/schema.h"

namespace sluice::policy::property {

// A whole document of the kind, in Universal or Kubernetes form.
Node random_document_of(const KindInfo& kind, Dialect dialect, std::mt19937& random);
// YAML that means the node.
std::string random_yaml(const Node& node, std::mt19937& random);

}  // namespace sluice::policy::property
