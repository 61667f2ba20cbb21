// The migration report: what the other dialect would judge differently, or read differently without a word.
#pragma once

#include <string>

#include "policy/kinds/check.h"

namespace sluice::policy {

// Adds notes about one document: that the other dialect refuses it and why, that it accepts it, that it
// ignores a field, or that it has another default. `here`: what the dialect of `options` says.
void add_migration_notes(const Node& document, const CheckedDocument& here, const std::string& file,
                         const CheckOptions& options, Diagnostics& out);

}  // namespace sluice::policy
