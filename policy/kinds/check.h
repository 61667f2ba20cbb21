// Text to accepted resources: parse, take the envelope off, fill in the schema's defaults, apply the schema
// and Kuma's validator.
// This is what `sluice apply`, `sluice policy check` and the resource directory call.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/document/diagnostic.h"
#include "policy/document/dialect.h"
#include "policy/document/resource.h"
#include "policy/document/yaml.h"

namespace sluice::policy {

struct CheckOptions {
  bool strict = false;  // unknown keys are errors instead of warnings
  Dialect dialect = Dialect::kuma_2;
  YamlLimits limits;
};

struct CheckedText {
  std::vector<Resource>
      resources;  // those without errors; a document with an error is left out, its neighbours stay
  Diagnostics diagnostics;
};

// `file` is only a name for diagnostics and origins.
CheckedText check_text(std::string_view text, const std::string& file, const CheckOptions& options = {});

}  // namespace sluice::policy
