// Selecting through the index misses nobody: of random policies and proxies, every policy that selects a
// proxy is among its candidates, in the same order.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>

#include "policy/engine/select.h"
#include "policy/engine/world.h"
#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

std::uint64_t seed_of(std::uint64_t fallback) {
  const auto* given = std::getenv("SLUICE_SEED");
  const auto seed = given == nullptr ? fallback : std::strtoull(given, nullptr, 10);
  std::printf("SLUICE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed) {}

  std::string mesh() {
    std::string out = "type: Mesh\nname: default\n";
    for (int i = 0; i < 12; ++i) out += dataplane(i);
    for (int i = 0; i < 40; ++i) out += policy(i);
    return out;
  }

 private:
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  std::string service() { return "s" + std::to_string(below(4)); }
  std::string tags() {
    return "{kuma.io/service: " + service() +
           (below(2) == 0 ? "" : ", version: v" + std::to_string(below(2))) + "}";
  }
  std::string dataplane(int number) {
    std::string out = "---\ntype: Dataplane\nmesh: default\nname: d" + std::to_string(number) +
                      "\nnetworking:\n  address: 10.0.0." + std::to_string(number + 1) + "\n";
    if (below(5) == 0) return out + "  gateway: {type: DELEGATED, tags: " + tags() + "}\n";
    out += "  inbound:\n";
    for (unsigned i = 0; i <= below(3); ++i)
      out += "    - {port: " + std::to_string(80 + i) + ", tags: " + tags() +
             (below(4) == 0 ? ", state: Ignored" : "") + "}\n";
    return out;
  }
  std::string ref() {
    switch (below(5)) {
      case 0:
        return "{kind: Mesh}";
      case 1:
        return "{kind: MeshSubset, tags: " + tags() + "}";
      case 2:
        return "{kind: MeshService, name: " + service() + "}";
      case 3:
        return "{kind: MeshSubset, tags: {version: v1}}";
      default:
        return "{kind: Dataplane, name: d" + std::to_string(below(12)) + "}";
    }
  }
  std::string policy(int number) {
    return "---\ntype: MeshTimeout\nmesh: default\nname: p" + std::to_string(number) +
           "\nspec:\n  targetRef: " + ref() +
           "\n  to: [{targetRef: {kind: Mesh}, default: {connectionTimeout: 1s}}]\n";
  }
  std::mt19937_64 random_;
};

TEST(TargetIndexProperty, NoPolicyThatSelectsIsLeftOut) {
  const auto first = seed_of(7);
  std::size_t selected = 0;
  std::size_t spared = 0;
  for (std::uint64_t seed = first; seed < first + 200; ++seed) {
    const auto checked = check_text(Maker(seed).mesh(), "random.yaml", {});
    ASSERT_FALSE(checked.diagnostics.has_errors()) << checked.diagnostics.text();
    Diagnostics diagnostics;
    const auto world = World::from(checked.resources, diagnostics);
    const auto& mesh = world.meshes.at("default");
    for (const auto& dataplane : mesh.dataplanes) {
      const auto candidates = mesh.candidates("MeshTimeout", dataplane);
      std::vector<const Resource*> wanted;
      std::vector<const Resource*> got;
      for (const auto* one : mesh.of_kind("MeshTimeout"))
        if (select(*one, dataplane, mesh).proxy) wanted.push_back(one);
      for (const auto* one : candidates)
        if (select(*one, dataplane, mesh).proxy) got.push_back(one);
      ASSERT_EQ(got, wanted) << "seed " << seed << ", " << dataplane.resource->name;
      selected += wanted.size();
      spared += mesh.of_kind("MeshTimeout").size() - candidates.size();
    }
  }
  EXPECT_GT(selected, 0u);
  EXPECT_GT(spared, 0u);
}

}  // namespace
}  // namespace sluice::policy
