// Schemas that several kinds share (kuma.md 2.0).
#pragma once

#include "policy/document/dialect.h"
#include "policy/kinds/schema.h"

namespace sluice::policy::schema {

Schema target_ref(Dialect dialect = Dialect::kuma_2);
Schema match();           // inbound match: spiffeID and/or sni
Schema data_source();     // 2.x proto kinds: secret | file | inline | inlineString
Schema secure_source();   // type File | EnvVar | InsecureInline | Secret
Schema label_selector();  // matchLabels
// A policy with top-level targetRef and the given parts; `conf` is the schema of `default`.
Schema policy(std::vector<SchemaField> parts, Dialect dialect = Dialect::kuma_2);
Schema to_item(Schema conf, Dialect dialect = Dialect::kuma_2);
Schema from_item(Schema conf);  // kuma-2 only
Schema rule_item(Schema conf);
// A policy with `to` and `rules`, in kuma-2 also `from`.
Schema inbound_and_outbound(const Schema& conf, Dialect dialect);
// HTTP headers: lower-case names of at most 256 bytes.
Schema header_name();
Schema header_match();
Schema header_values();  // list of name and value

}  // namespace sluice::policy::schema
