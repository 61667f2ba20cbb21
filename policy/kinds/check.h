// Text to accepted resources: parse, take the envelope off, fill in the schema's defaults, apply the schema
// and Kuma's validator.
// This is what `sluice apply`, `sluice policy check` and the resource directory call.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/document/diagnostic.h"
#include "policy/document/dialect.h"
#include "policy/document/resource.h"
#include "policy/document/yaml.h"

namespace sluice::policy {

// How a script's problem begins, refused or kept.
inline constexpr std::string_view kLuaDoesNotCompile = "its Lua does not compile: ";

struct CheckOptions {
  bool for_use = false;  // for a node that acts on documents: errors in what it could only ignore
  bool strict = false;   // unknown and repeated keys are errors instead of warnings
  Dialect dialect = Dialect::kuma_2;
  // What a Lua compiler says of a script, empty: nothing; null: nobody is asked, since none is linked here.
  std::string (*script_problem)(std::string_view code) = nullptr;
  // Only warn of its answer: for what was taken in before, since a filter that cannot be run must refuse what
  // it was to judge, which it can only do in force.
  bool scripts_stay = false;
  bool migration = false;  // also note what the other dialect judges or reads differently, see migration.h
  YamlLimits limits;
};

struct CheckedDocument {
  std::optional<Resource> resource;  // empty when it has an error
  Diagnostics diagnostics;
};

// `file` is only a name for diagnostics and origins.
CheckedDocument check_document(Node document, const std::string& file, const CheckOptions& options);

struct CheckedText {
  std::vector<Resource>
      resources;  // those without errors; a document with an error is left out, its neighbours stay
  Diagnostics diagnostics;
};

CheckedText check_text(std::string_view text, const std::string& file, const CheckOptions& options = {});

}  // namespace sluice::policy
