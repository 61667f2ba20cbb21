#include "policy/kinds/shared_schemas.h"

namespace sluice::policy::schema {

Schema target_ref(Dialect dialect) {
  if (dialect == Dialect::kuma_3) {
    return object({{"kind", one_of({"Mesh", "Dataplane", "MeshService", "MeshExternalService",
                                    "MeshMultiZoneService", "MeshHTTPRoute"})},
                   {"labels", text_map()},
                   {"sectionName", text()}});
  }
  return object(
      {{"kind", one_of({"Mesh", "MeshSubset", "MeshGateway", "MeshService", "MeshExternalService",
                        "MeshMultiZoneService", "MeshServiceSubset", "MeshHTTPRoute", "Dataplane"})},
       {"name", text()},
       {"namespace", text()},
       {"labels", text_map()},
       {"tags", text_map()},
       {"mesh", text()},
       {"proxyTypes", list(one_of({"Sidecar", "Gateway"}))},
       {"sectionName", text()}});
}

Schema match() {
  const auto typed = [](std::vector<std::string_view> types) {
    return object({{"type", one_of(std::move(types)), true}, {"value", text(), true}});
  };
  return object({{"spiffeID", typed({"Exact", "Prefix"})}, {"sni", typed({"Exact"})}});
}

Schema data_source() {
  return object({{"secret", loose_text()},
                 {"file", loose_text()},
                 {"inline", loose_text()},
                 {"inlineString", loose_text()}});
}

Schema secure_source() {
  return object({{"type", one_of({"File", "EnvVar", "InsecureInline", "Secret"}), true},
                 {"file", object({{"path", text()}})},
                 {"envVar", object({{"name", text()}})},
                 {"insecureInline", object({{"value", text()}})},
                 {"secretRef", object({{"kind", text()}, {"name", text()}})}});
}

Schema label_selector() {
  return object({{"matchLabels", text_map()}});
}

Schema policy(std::vector<SchemaField> parts, Dialect dialect) {
  parts.insert(parts.begin(), SchemaField{"targetRef", target_ref(dialect)});
  return object({{"spec", object(std::move(parts))}, {"status", any()}});
}

Schema to_item(Schema conf, Dialect dialect) {
  return object({{"targetRef", target_ref(dialect), true}, {"default", std::move(conf)}});
}
Schema from_item(Schema conf) {
  return to_item(std::move(conf));
}
Schema rule_item(Schema conf) {
  return object({{"matches", list(match())}, {"default", std::move(conf)}});
}

Schema inbound_and_outbound(const Schema& conf, Dialect dialect) {
  std::vector<SchemaField> parts{{"to", list(to_item(conf, dialect))}, {"rules", list(rule_item(conf))}};
  if (dialect == Dialect::kuma_2) parts.push_back({"from", list(from_item(conf))});
  return policy(std::move(parts), dialect);
}

Schema header_name() {
  constexpr auto kToken = [](std::string_view name) {
    return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~") ==
           std::string_view::npos;
  };
  return formed(sized(text(), 1, 256), kToken, "write the header's name in lower case");
}
Schema header_match() {
  return object({defaulted("type", one_of({"Exact", "Present", "RegularExpression", "Absent", "Prefix"}),
                           Node::of_text("Exact")),
                 {"name", header_name(), true},
                 {"value", text()}});
}
Schema header_values() {
  return sized(list(object({{"name", header_name(), true}, {"value", text(), true}})), {}, 16);
}

}  // namespace sluice::policy::schema
