// Schemas that several kinds share (kuma.md 2.0).
#pragma once

#include "policy/kinds/schema.h"

namespace sluice::policy::schema {

Schema target_ref();
Schema match();           // inbound match: spiffeID and/or sni
Schema data_source();     // 2.x proto kinds: secret | file | inline | inlineString
Schema secure_source();   // type File | EnvVar | InsecureInline | Secret
Schema label_selector();  // matchLabels
// A policy with top-level targetRef and the given parts; `conf` is the schema of `default`.
Schema policy(std::vector<SchemaField> parts);
Schema to_item(Schema conf);
Schema from_item(Schema conf);
Schema rule_item(Schema conf);

}  // namespace sluice::policy::schema
