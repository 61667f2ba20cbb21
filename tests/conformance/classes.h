// The classes of a corpus. Each function runs one and tells the report about every case; a fault means that
// the corpus itself cannot be read.
#pragma once

#include <filesystem>
#include <string>

#include "policy/document/dialect.h"
#include "report.h"

namespace sluice::conformance {

struct Version {
  std::string name;  // of the folder, and the first word of every id
  policy::Dialect dialect;
};

// VERSION/validate: verdicts and violation paths of documents, and of fragments.
Outcome<> run_validate(const std::filesystem::path& corpus, const Version& version, Report& report);
// docs: documents that the schema of `version` accepts are accepted.
Outcome<> run_docs(const std::filesystem::path& corpus, const Version& version, Report& report);
// VERSION/match: matching and merging against goldens.
Outcome<> run_match(const std::filesystem::path& corpus, const Version& version, Report& report);

}  // namespace sluice::conformance
