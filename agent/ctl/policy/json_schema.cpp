#include "ctl/policy/json_schema.h"

#include "policy/kinds/registry.h"

namespace sluice::ctl {
namespace {

using policy::Schema;
using Type = Schema::Type;

Json text_schema(const Schema& schema) {
  Json out = {{"type", "string"}};
  for (const auto value : schema.values) out["enum"].push_back(value);
  if (schema.min_size) out["minLength"] = *schema.min_size;
  if (schema.max_size) out["maxLength"] = *schema.max_size;
  if (!schema.form_hint.empty()) out["description"] = schema.form_hint;
  return out;
}

Json integer_schema(const Schema& schema) {
  Json out = {{"type", "integer"}};
  for (const auto choice : schema.choices) out["enum"].push_back(choice);
  if (schema.min) out["minimum"] = *schema.min;
  if (schema.max) out["maximum"] = *schema.max;
  return out;
}

Json list_schema(const Schema& schema) {
  Json out = {{"type", "array"}};
  if (!schema.element.empty()) out["items"] = json_schema(schema.element.front());
  if (schema.min_size) out["minItems"] = *schema.min_size;
  if (schema.max_size) out["maxItems"] = *schema.max_size;
  return out;
}

Json object_schema(const Schema& schema) {
  Json out = {{"type", "object"}, {"properties", Json::object()}};
  for (const auto& field : schema.fields) {
    auto& property = out["properties"][std::string(field.name)] = json_schema(field.schema);
    if (field.default_value)
      property["default"] = Json::parse(field.default_value->to_json(), nullptr, false);
    if (field.required) out["required"].push_back(field.name);
  }
  out["additionalProperties"] = false;
  return out;
}

Json scalar_types() {
  return Json::array({"string", "number", "boolean"});
}

// What stands around the body in both forms.
void add_envelope(Json& form, const policy::KindInfo& kind, bool kubernetes) {
  auto& properties = form["properties"];
  const Json labels = {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
  const Json text = {{"type", "string"}};
  if (kubernetes) {
    properties["apiVersion"] = {{"const", kind.name == "Secret" ? "v1" : "kuma.io/v1alpha1"}};
    properties["kind"] = {{"const", kind.name}};
    properties["metadata"] = {{"type", "object"},
                              {"properties", {{"name", text}, {"namespace", text}, {"labels", labels}}},
                              {"required", Json::array({"name"})}};
    form["required"] = Json::array({"apiVersion", "kind", "metadata"});
  } else {
    properties["type"] = {{"const", kind.name}};
    properties["name"] = text;
    if (kind.mesh_scoped) properties["mesh"] = text;
    properties["labels"] = labels;
    form["required"] = Json::array({"type", "name"});
    if (kind.mesh_scoped) form["required"].push_back("mesh");
  }
}

}  // namespace

Json json_schema(const Schema& schema) {
  switch (schema.type) {
    case Type::any:
      return Json::object();
    case Type::text:
      return text_schema(schema);
    case Type::loose_text:
      return {{"type", scalar_types()}};
    case Type::boolean:
      return {{"type", "boolean"}};
    case Type::integer:
      return integer_schema(schema);
    case Type::number:
      return {{"type", "number"}};
    case Type::int_or_text:
      return {{"type", Json::array({"integer", "string"})}};
    case Type::duration:
      return {{"type", "string"},
              {"pattern", "^[-+]?(0|([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$"},
              {"description", "a duration such as 5s or 1h30m"}};
    case Type::object:
      return object_schema(schema);
    case Type::list:
      return list_schema(schema);
    case Type::text_map:
      return {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
    case Type::loose_text_map:
      return {{"type", "object"}, {"additionalProperties", {{"type", scalar_types()}}}};
  }
  return Json::object();
}

Json document_schema(const policy::KindInfo& kind, policy::Dialect dialect) {
  const auto* schema = policy::kind_schema(kind.name, dialect);
  Json body = schema == nullptr ? Json{{"type", "object"}} : json_schema(*schema);
  // A kind without a spec has its fields below `spec:` on Kubernetes and at the top on Universal.
  Json universal = body;
  Json kubernetes = kind.has_spec ? body : Json{{"type", "object"}, {"properties", {{"spec", body}}}};
  add_envelope(universal, kind, false);
  add_envelope(kubernetes, kind, true);
  return {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
          {"title", kind.name},
          {"description", policy::release_name(dialect)},
          {"if", {{"required", Json::array({"apiVersion"})}}},
          {"then", kubernetes},
          {"else", universal}};
}

}  // namespace sluice::ctl
