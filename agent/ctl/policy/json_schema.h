// The schema tables as JSON Schema for editors, and as the reference page docs/policy-reference.md.
#pragma once

#include <string>

#include "ctl/json_view.h"
#include "policy/document/catalog.h"
#include "policy/document/dialect.h"
#include "policy/kinds/schema.h"

namespace sluice::ctl {

// Of a value, draft 2020-12.
Json json_schema(const policy::Schema& schema);
// Of a document in both forms. A kind that is not looked into allows any body.
Json document_schema(const policy::KindInfo& kind, policy::Dialect dialect);

// Markdown: every kind with its fields.
std::string reference_page();

}  // namespace sluice::ctl
