// MeshProxyPatch: judged as Kuma does, with a warning; refused where it would have to act.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "policy/kinds/check.h"
#include "policy/kinds/envoy_resource.h"
#include "policy/kinds/lua_patch.h"

namespace sluice::policy {
namespace {

using Wanted = std::set<std::string>;

std::string document(const std::string& modification) {
  return "type: MeshProxyPatch\nname: p\nmesh: default\nspec: {targetRef: {kind: Mesh}, default: "
         "{appendModifications: [" +
         modification + "]}}\n";
}

// Of one modification, with its path taken off.
Wanted errors(const std::string& modification) {
  const std::string at = "spec.default.appendModifications[0]";
  Wanted out;
  for (const auto& one : check_text(document(modification), "t.yaml").diagnostics.list()) {
    if (one.severity != Severity::error || one.stage != Stage::semantic) continue;
    out.insert((one.path.starts_with(at) ? one.path.substr(at.size()) : one.path) + ": " + one.message);
  }
  return out;
}

const std::string kLua =
    "{httpFilter: {operation: AddFirst, value: '{name: envoy.filters.http.lua, typed_config: {\"@type\": "
    "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, inlineCode: \"f()\"}}'}}";

TEST(MeshProxyPatch, Valid) {
  for (const std::string good :
       {"{cluster: {operation: Add, value: '{name: c, connectTimeout: 5s, type: STATIC}'}}",
        "{cluster: {operation: Patch, value: '{connect_timeout: 0.5s, type: 3}'}}",
        "{listener: {operation: Add, value: '{address: {socketAddress: {}}}'}}",
        "{listener: {operation: Remove, match: {origin: inbound, tags: {a: b}}}}",
        "{virtualHost: {operation: Add, match: {origin: inbound}, value: '{name: v, domains: [\"*\"]}'}}",
        "{networkFilter: {operation: Patch, match: {name: f}, jsonPatches: [{op: add, path: /a, value: "
        "null}]}}",
        "{httpFilter: {operation: AddBefore, match: {name: f}, value: '{name: g, brandNew: 1}'}}"}) {
    EXPECT_EQ(errors(good), Wanted{}) << good;
  }
  EXPECT_EQ(errors(kLua), Wanted{});
}

TEST(MeshProxyPatch, ExactlyOneModification) {
  EXPECT_EQ(
      errors("{}"),
      Wanted{": exactly one modification can be defined at a time. Currently, 0 modifications are defined"});
  EXPECT_EQ(
      errors("{cluster: {operation: Remove}, listener: {operation: Remove}}"),
      Wanted{": exactly one modification can be defined at a time. Currently, 2 modifications are defined"});
  EXPECT_EQ(errors(""), Wanted{"spec.default.appendModifications: must not be empty"});
}

TEST(MeshProxyPatch, OperationsTakeWhatTheyNeed) {
  EXPECT_EQ(
      errors("{cluster: {operation: AddFirst}}"),
      Wanted{R"(.cluster.operation: invalid operation. Available operations: "Add", "Patch", "Remove")"});
  EXPECT_EQ(errors("{cluster: {operation: Add, match: {name: a}}}"),
            (Wanted{".cluster.match: must not be defined", ".cluster.value: must be defined"}));
  EXPECT_EQ(errors("{virtualHost: {operation: Add, match: {name: a}, value: '{name: v, domains: [a]}'}}"),
            Wanted{".virtualHost.match.name: must not be defined"});
  EXPECT_EQ(errors("{listener: {operation: Remove, value: 'name: a'}}"),
            Wanted{".listener.value: must not be defined"});
  EXPECT_EQ(errors("{listener: {operation: Patch}}"),
            Wanted{".listener: listener must have exactly one defined: value, jsonPatches"});
  EXPECT_EQ(errors("{httpFilter: {operation: Patch, value: '{}', jsonPatches: [{op: remove, path: /a}]}}"),
            (Wanted{".httpFilter.match.name: must be defined",
                    ".httpFilter: httpFilter must have only one type defined: value, jsonPatches"}));
  EXPECT_EQ(
      errors("{networkFilter: {operation: AddAfter, value: 'name: a'}}"),
      Wanted{".networkFilter.match.name: must be defined. You need to pick a filter after which this one "
             "will be added"});
}

TEST(MeshProxyPatch, JsonPatches) {
  const auto of_patch = [](const std::string& patch) {
    return errors("{cluster: {operation: Patch, jsonPatches: [" + patch + "]}}");
  };
  const std::string at = ".cluster.jsonPatches[0].";
  EXPECT_EQ(of_patch("{op: remove, path: /}"), Wanted{at + "path: root path cannot be removed"});
  EXPECT_EQ(of_patch("{op: move, path: /a}"),
            Wanted{at + R"(from: "from" must not be empty when "op" is one of ["move", "copy"])"});
  EXPECT_EQ(of_patch("{op: remove, path: /a, from: /b, value: 1}"),
            (Wanted{at + R"(from: "from" is allowed only when "op" is one of ["move", "copy"])",
                    at + R"(value: "value" is allowed only when "op" is one of ["add", "replace"])"}));
  EXPECT_EQ(of_patch("{op: test}"),
            (Wanted{at + R"(op: "op" must be one of ["add", "remove", "replace", "move", "copy"])",
                    at + "path: must be defined"}));
}

TEST(MeshProxyPatch, EnvoyResources) {
  const auto whole = [](EnvoyResource what, const char* text) { return envoy_problem(what, text, true); };
  EXPECT_EQ(whole(EnvoyResource::listener, ""), "");
  EXPECT_NE(whole(EnvoyResource::listener, "{"), "");
  EXPECT_NE(whole(EnvoyResource::listener, "[]"), "");
  EXPECT_NE(whole(EnvoyResource::listener, "transparent: 'yes'"), "");
  EXPECT_EQ(whole(EnvoyResource::cluster, "{}"), "name must not be empty");
  EXPECT_NE(whole(EnvoyResource::cluster, "{name: c, connectTimeout: 5}"), "");
  EXPECT_NE(whole(EnvoyResource::cluster, "{name: c, connectTimeout: 5m}"), "");
  EXPECT_NE(whole(EnvoyResource::cluster, "{name: c, lb_policy: FASTEST}"), "");
  EXPECT_EQ(whole(EnvoyResource::virtual_host, "name: v"), "domains must not be empty");
  EXPECT_NE(whole(EnvoyResource::http_filter, "{name: f, typedConfig: {}}"), "");
  EXPECT_EQ(envoy_problem(EnvoyResource::http_filter, "{}", false), "");
}

TEST(MeshProxyPatch, ANodeRefusesItAndSaysWhy) {
  CheckOptions options;
  const auto told = [&](const std::string& modification) {
    const auto checked = check_text(document(modification), "t.yaml", options);
    EXPECT_EQ(checked.resources.empty(), options.for_use);
    EXPECT_EQ(checked.diagnostics.has_errors(), options.for_use);
    return checked.diagnostics.text();
  };
  const std::string removal = "{cluster: {operation: Remove}}";
  EXPECT_NE(told(removal).find("warning: MeshProxyPatch \"p\": a node refuses it, it changes"),
            std::string::npos);
  options.for_use = true;
  EXPECT_NE(told(removal).find("error: MeshProxyPatch \"p\": refused, it changes"), std::string::npos);
  const auto lua = check_text(document(kLua), "t.yaml", options);
  EXPECT_EQ(lua.resources.size(), 1U);
  EXPECT_EQ(lua.diagnostics.text(), "");
  EXPECT_EQ(told(kLua + ", " + removal).find("Lua"), std::string::npos);
}

// Why the modification is no Lua filter that Sluice could run; empty when it is one.
std::string no_lua(const std::string& modification) {
  const auto patch = lua_patch(parse_yaml(modification, "t.yaml", *std::make_unique<Diagnostics>()).front());
  return patch ? std::string() : patch.error();
}

std::string lua_filter(const std::string& head, const std::string& config, const std::string& more = {}) {
  return "{httpFilter: {" + head + ", value: '{name: lua, typed_config: {\"@type\": " +
         "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, " + config + "}" + more + "}'}}";
}

TEST(LuaPatch, OnlyWhatAddsInlineCodeToRequestsIsTaken) {
  const std::string first = "operation: AddFirst";
  const std::string router =
      "operation: AddBefore, match: {name: envoy.filters.http.router, origin: inbound}";
  EXPECT_EQ(no_lua(lua_filter(first, "inline_code: f()")), "");
  EXPECT_EQ(no_lua(lua_filter(first, "defaultSourceCode: {inlineString: f()}")), "");
  EXPECT_EQ(no_lua(lua_filter(router, "default_source_code: {inline_string: f()}, stat_prefix: s")), "");
  EXPECT_NE(no_lua(lua_filter(first, "inline_code: f(), source_codes: {}")), "");
  EXPECT_NE(no_lua(lua_filter(first, "defaultSourceCode: {filename: /etc/passwd}")), "");
  EXPECT_NE(no_lua(lua_filter(first, "stat_prefix: s")), "");
  EXPECT_NE(no_lua(lua_filter(first, "inline_code: f()", ", disabled: true")), "");
  EXPECT_NE(no_lua(lua_filter("operation: AddLast", "inline_code: f()")), "");
  EXPECT_NE(no_lua(lua_filter("operation: AddAfter, match: {name: x}", "inline_code: f()")), "");
  EXPECT_NE(no_lua(lua_filter("operation: AddBefore, match: {name: x}", "inline_code: f()")), "");
  EXPECT_NE(no_lua(lua_filter("operation: Remove", "inline_code: f()")), "");
  EXPECT_NE(no_lua(lua_filter("operation: AddFirst, match: {origin: ingress}", "inline_code: f()")), "");
  EXPECT_NE(no_lua(lua_filter("operation: AddFirst, match: {listenerName: l}", "inline_code: f()")), "");
  EXPECT_NE(no_lua("{cluster: {operation: Remove}}"), "");
}

}  // namespace
}  // namespace sluice::policy
