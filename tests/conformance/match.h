// The frame of the match classes: a case is loaded, a solver gives the answer in the corpus's normal form,
// the frame compares. A class is covered by adding its solver to match_registry.cpp.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data.h"
#include "policy/document/dialect.h"
#include "policy/document/resource.h"

namespace sluice::conformance {

// One variant of a case: what goes in. What must come out stays with the frame.
struct MatchInput {
  policy::Dialect dialect = policy::Dialect::kuma_2;
  const Json& description;  // case.json
  const Json& variant;      // its entry there, with "meta" where metadata was rewritten
  std::vector<policy::Resource>
      inputs;  // all documents, in the order of the files, schema defaults filled in

  std::string text(const char* key) const { return text_of(description, key); }  // "policy_type"
};

// The answer, as in expected/*.json.
using MatchSolver = Outcome<Json> (*)(const MatchInput& input);

// Null for a class that is not covered.
MatchSolver match_solver(const std::string& match_class);
// Why a class that has no solver concerns no data plane of ours; empty when it should have one.
std::string match_class_reason(const std::string& match_class);

}  // namespace sluice::conformance
