// The outbound rules of one proxy: by destination, and in the 2.x model by kuma.io/service.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "policy/kinds/check.h"
#include "policy/rules/inspect_json.h"
#include "policy/rules/matches_hash.h"

namespace sluice::policy {
namespace {

constexpr std::string_view kProxy = R"(
---
type: Dataplane
mesh: m
name: web
networking: {address: 10.0.0.1, inbound: [{port: 80, tags: {kuma.io/service: web}}]}
---
type: MeshService
mesh: m
name: db
labels: {tier: back}
spec:
  selector: {dataplaneTags: {kuma.io/service: db}}
  ports: [{port: 80, name: main, targetPort: 80}, {port: 81, targetPort: 81}]
---
)";

constexpr std::string_view kEverywhere = "type: Mesh\nname: m\n";
constexpr std::string_view kExclusive = "type: Mesh\nname: m\nmeshServices: {mode: Exclusive}\n";

struct Loaded {
  CheckedText checked;
  World world;
  KindRulesOfProxy rules;  // of the first kind that has any
};

// `kinds` borrows the resources, which therefore must not move: the caller keeps Loaded where it is.
void load(std::string_view mesh, std::string_view policies, Loaded& out) {
  out.checked = check_text(std::string(mesh) + std::string(kProxy) + std::string(policies), "t");
  ASSERT_FALSE(out.checked.diagnostics.has_errors()) << out.checked.diagnostics.text();
  out.world = World::from(out.checked.resources, out.checked.diagnostics);
  const auto& own = out.world.meshes.at("m");
  auto rules = rules_for(own, own.dataplanes.at(0));
  if (!rules.kinds.empty()) out.rules = std::move(rules.kinds.front());
}

// "RESOURCE/SECTION conf policy#item ..." for each rule; the mesh itself is "*".
std::vector<std::string> by_resource(const Loaded& loaded) {
  std::vector<std::string> out;
  for (const auto& rule : loaded.rules.to_resource_rules) {
    std::string text = rule.resource == nullptr ? "*" : rule.resource->name;
    if (!rule.section.empty()) text += "/" + rule.section;
    text += " " + rule.confs.at(0).to_json();
    for (const auto& origin : rule.origins)
      text += " " + origin.policy->name + "#" + std::to_string(origin.rule_index);
    out.push_back(text);
  }
  return out;
}

std::vector<std::string> by_service(const Loaded& loaded) {
  std::vector<std::string> out;
  for (const auto& rule : loaded.rules.to_rules) {
    std::string text;
    for (const auto& tag : rule.tags) text += (tag.negated ? "!" : "") + tag.value + " ";
    out.push_back(text + rule.conf.to_json());
  }
  return out;
}

std::string timeout(std::string_view name, std::string_view items) {
  return "type: MeshTimeout\nmesh: m\nname: " + std::string(name) + "\nspec:\n  to:\n" + std::string(items);
}

constexpr std::string_view kThree = R"(
    - {targetRef: {kind: MeshService, name: db, sectionName: "81"}, default: {idleTimeout: 3s}}
    - {targetRef: {kind: MeshService, labels: {tier: back}}, default: {idleTimeout: 2s}}
    - {targetRef: {kind: Mesh}, default: {idleTimeout: 1s, connectionTimeout: 1s}}
)";

TEST(ToRules, ADestinationTakesWhatIsSaidOfItsPortItselfAndTheMesh) {
  Loaded loaded;
  load(kEverywhere, timeout("t", kThree), loaded);
  EXPECT_EQ(by_resource(loaded),
            (std::vector<std::string>{R"(* {"idleTimeout":"1s","connectionTimeout":"1s"} t#2)",
                                      R"(db {"idleTimeout":"2s","connectionTimeout":"1s"} t#2 t#1)",
                                      R"(db/81 {"idleTimeout":"3s","connectionTimeout":"1s"} t#2 t#1 t#0)"}));
}

TEST(ToRules, ANamedPortDoesNotAnswerToItsNumber) {
  Loaded loaded;
  load(kEverywhere, timeout("t", R"(
    - {targetRef: {kind: MeshService, name: db, sectionName: "80"}, default: {idleTimeout: 1s}}
)"),
       loaded);
  EXPECT_EQ(by_resource(loaded), std::vector<std::string>{});
}

TEST(ToRules, ServicesByTagStandBesideTheMesh) {
  Loaded loaded;
  load(kEverywhere, timeout("t", R"(
    - {targetRef: {kind: Mesh}, default: {idleTimeout: 1s}}
    - {targetRef: {kind: MeshService, name: old}, default: {connectionTimeout: 2s}}
)"),
       loaded);
  EXPECT_TRUE(loaded.rules.to_rules_count);
  EXPECT_EQ(by_service(loaded),
            (std::vector<std::string>{R"(old {"idleTimeout":"1s","connectionTimeout":"2s"})",
                                      R"({"idleTimeout":"1s"})"}));
}

TEST(ToRules, ExclusiveMeshServicesMakeTagsCountNothing) {
  Loaded loaded;
  load(kExclusive, timeout("t", kThree), loaded);
  EXPECT_FALSE(loaded.rules.to_rules_count);
  EXPECT_EQ(by_resource(loaded).size(), 3u);
}

TEST(ToRules, APolicyWithAnItemForARouteIsNotSaidByTags) {
  Loaded loaded;
  load(kEverywhere, timeout("t", R"(
    - {targetRef: {kind: MeshHTTPRoute, name: r}, default: {http: {requestTimeout: 1s}}}
    - {targetRef: {kind: Mesh}, default: {idleTimeout: 1s}}
)"),
       loaded);
  EXPECT_EQ(by_service(loaded), std::vector<std::string>{});
  EXPECT_EQ(by_resource(loaded), std::vector<std::string>{R"(* {"idleTimeout":"1s"} t#1)"});
}

std::string route(std::string_view name, std::string_view rules) {
  return "type: MeshHTTPRoute\nmesh: m\nname: " + std::string(name) +
         "\nspec:\n  to:\n    - targetRef: {kind: MeshService, name: db}\n      rules:\n" +
         std::string(rules);
}

std::string rule(std::string_view path, std::string_view code) {
  return "        - {matches: [{path: {type: Exact, value: " + std::string(path) +
         "}}], default: {filters: [{type: RequestRedirect, requestRedirect: {statusCode: " +
         std::string(code) + "}}]}}\n";
}

TEST(ToRules, RoutesMergeByTheirMatchesTheStrongestFirst) {
  Loaded loaded;
  load(kEverywhere,
       route("b", rule("/1", "301") + rule("/2", "301")) + "---\n" +
           route("a", rule("/3", "302") + rule("/1", "302")),
       loaded);
  std::vector<std::string> found;
  for (const auto& one : loaded.rules.to_resource_rules.at(0).confs.at(0).find("rules")->items) {
    found.push_back(one.find("matches")->items.at(0).find_path({"path"})->text_of("value").data() +
                    std::string(" ") +
                    one.find_path({"default", "filters"})
                        ->items.at(0)
                        .find_path({"requestRedirect"})
                        ->find("statusCode")
                        ->scalar);
  }
  EXPECT_EQ(found, (std::vector<std::string>{"/3 302", "/1 302", "/2 301"}));
}

TEST(ToRules, MatchesAreNamedByTheirHash) {
  Diagnostics diagnostics;
  const auto documents = parse_yaml("[{path: {type: Exact, value: /b}}]", "t", diagnostics);
  // echo -n '[{"path":{"value":"/b","type":"Exact"}}]' | openssl dgst -sha256 -binary | base64
  EXPECT_EQ(matches_hash(documents.at(0)), "W4cKz6qMxC0Atw/ifa8MZfIPV5aCQ3h4siuzry3ijUI=");
}

TEST(ToRules, APolicyForARouteSpeaksOfItsMatchesOnly) {
  Loaded loaded;
  load(kEverywhere, route("r", rule("/b", "301")) + R"(---
type: MeshTimeout
mesh: m
name: t
spec:
  targetRef: {kind: MeshHTTPRoute, name: r}
  to: [{targetRef: {kind: Mesh}, default: {http: {requestTimeout: 1s}}}]
)",
       loaded);
  const auto& mesh = loaded.world.meshes.at("m");
  const auto kinds = rules_for(mesh, mesh.dataplanes.at(0)).kinds;
  ASSERT_EQ(kinds.size(), 2u);
  EXPECT_TRUE(kinds[1].to_resource_rules.empty());
  ASSERT_EQ(kinds[1].to_rules.size(), 1u);
  EXPECT_EQ(kinds[1].to_rules[0].tags.at(0).key, "__rule-matches-hash__");
  EXPECT_EQ(kinds[1].to_rules[0].tags.at(1).value, "db");
}

}  // namespace
}  // namespace sluice::policy
