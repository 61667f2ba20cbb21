// docs/control-api.yaml against the server: the same paths, methods, access and parameters, and every answer
// of a populated agent fits its schema exactly (no member missing, none undocumented).
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "control/routes.h"
#include "fake_agent.h"
#include "policy/document/yaml.h"

namespace sluice::control {
namespace {

Json api_document() {
  std::ifstream file(SLUICE_API_FILE);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  policy::Diagnostics diagnostics;
  const auto documents = policy::parse_yaml(text, SLUICE_API_FILE, diagnostics);
  EXPECT_FALSE(diagnostics.has_errors()) << diagnostics.text();
  return documents.empty() ? Json() : Json::parse(documents[0].to_json());
}

// Why `value` does not fit `schema`; empty when it does.
std::string misfit(const Json& api, const Json& schema, const Json& value, const std::string& at) {
  if (schema.contains("$ref")) {
    const auto pointer = schema["$ref"].get<std::string>().substr(1);
    return misfit(api, api.at(Json::json_pointer(pointer)), value, at);
  }
  const Json& declared = schema.at("type");
  const auto fits = [&](const Json& type) {
    return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
           (type == "string" && value.is_string()) || (type == "boolean" && value.is_boolean()) ||
           (type == "integer" && value.is_number_integer()) || (type == "number" && value.is_number()) ||
           (type == "null" && value.is_null());
  };
  if (declared.is_array() ? !std::any_of(declared.begin(), declared.end(), fits) : !fits(declared))
    return at + " has the wrong type: " + value.dump();
  if (schema.contains("enum")) {
    const Json& words = schema["enum"];
    if (std::find(words.begin(), words.end(), value) == words.end())
      return at + " is no listed word: " + value.dump();
  }
  if (value.is_object()) {
    for (const auto& [name, member] : schema.at("properties").items()) {
      if (!value.contains(name)) return at + "." + name + " is missing";
      if (auto why = misfit(api, member, value[name], at + "." + name); !why.empty()) return why;
    }
    for (const auto& [name, member] : value.items())
      if (!schema["properties"].contains(name)) return at + "." + name + " is not documented";
  }
  if (value.is_array())
    for (const Json& item : value)
      if (auto why = misfit(api, schema.at("items"), item, at + "[]"); !why.empty()) return why;
  return {};
}

std::set<std::string> query_names(const Json& operation) {
  std::set<std::string> out;
  if (operation.contains("parameters"))
    for (const Json& parameter : operation["parameters"])
      if (parameter["in"] == "query") out.insert(parameter["name"].get<std::string>());
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

TEST(ControlApi, TheDocumentListsExactlyTheRoutes) {
  const Json api = api_document();
  std::set<std::string> documented;
  for (const auto& [path, operations] : api["paths"].items())
    for (const auto& [method, operation] : operations.items()) documented.insert(method + " " + path);
  std::set<std::string> served;
  for (const Route& route : routes()) {
    const auto name = lower(route.method) + " " + std::string(route.pattern);
    served.insert(name);
    const Json& operation = api["paths"][std::string(route.pattern)][lower(route.method)];
    ASSERT_TRUE(operation.is_object()) << name;
    EXPECT_EQ(operation["x-access"], route.access == Access::change ? "change" : "read") << name;
    std::set<std::string> known;
    for (const auto query : route.query)
      if (!query.empty()) known.emplace(query);
    EXPECT_EQ(query_names(operation), known) << name;
  }
  EXPECT_EQ(documented, served);
}

struct Example {
  std::string path;
  std::map<std::string, std::string, std::less<>> query;
  std::string body;
};

// A request for each route that the fake agent answers with success.
Example example_of(const Route& route) {
  const std::string key = std::string(route.method) + " " + std::string(route.pattern);
  if (key == "DELETE /v1/workloads/{name}") return {"/v1/workloads/web", {}, ""};
  if (route.pattern == "/v1/resources/{kind}/{name}")
    return {"/v1/resources/MeshTrafficPermission/allow-web", {}, ""};
  if (key == "POST /v1/resources") return {"/v1/resources", {}, "type: Mesh\nname: default\n"};
  if (key == "POST /v1/workloads")
    return {"/v1/workloads", {}, R"({"name":"a","kind":"netns","target":"/x"})"};
  if (key == "PUT /v1/log") return {"/v1/log", {}, R"({"level":"debug"})"};
  if (route.pattern == "/v1/explain") return {"/v1/explain", {{"id", "1"}}, ""};
  return {std::string(route.pattern), {}, ""};
}

TEST(ControlApi, EveryAnswerFitsItsSchema) {
  const Json api = api_document();
  agent::FakeAgent agent;
  for (const Route& route : routes()) {
    const auto example = example_of(route);
    const Request request{
        std::string(route.method), example.path, example.query, "", example.body, Access::change};
    const auto out = answer(agent, request);
    const std::string name = std::string(route.method) + " " + std::string(route.pattern);
    ASSERT_EQ(out.response.status, 200u) << name << out.response.body;
    const Json& content =
        api["paths"][std::string(route.pattern)][lower(route.method)]["responses"]["200"]["content"];
    if (out.response.content_type != "application/json") {
      EXPECT_TRUE(content.contains("text/plain")) << name;
      continue;
    }
    const Json& schema = content["application/json"]["schema"];
    EXPECT_EQ(misfit(api, schema, Json::parse(out.response.body), name), "");
  }
}

TEST(ControlApi, RefusalsFitTheirSchema) {
  const Json api = api_document();
  agent::FakeAgent agent;
  agent.refusal_ = agent::ApplyRefusal{{"2 errors", "mend them"}, {{true, "x.yaml:1:1", "bad", ""}}};
  const auto refused = answer(agent, {"POST", "/v1/resources", {}, "", "x", Access::change});
  EXPECT_EQ(refused.response.status, 422u);
  EXPECT_EQ(
      misfit(api, {{"$ref", "#/components/schemas/Refusal"}}, Json::parse(refused.response.body), "422"), "");
  const auto lost = answer(agent, {"GET", "/nowhere", {}, "", "", Access::change});
  EXPECT_EQ(misfit(api, {{"$ref", "#/components/schemas/Error"}}, Json::parse(lost.response.body), "404"),
            "");
}

}  // namespace
}  // namespace sluice::control
