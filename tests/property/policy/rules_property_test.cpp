// Merging obeys its laws, and the rule that is found for one peer is the first of Kuma's enumerated rules
// that holds for it, on random policies. SLUICE_SEED=N repeats a run; SLUICE_ROUNDS=N makes it longer.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "policy/engine/merge.h"
#include "policy/rules/subset_rules.h"
#include "policy/rules/tag_groups.h"

namespace sluice::policy::property {
namespace {

unsigned from_environment(const char* name, unsigned fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}
  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

  // As under a schema: the key tells the kind of the value.
  Node conf(int depth) {
    auto out = Node::empty_mapping();
    for (const auto* key : {"a", "b", "c"}) {
      if (below(2) == 0) out.set(key, Node::of_integer(below(4)));
    }
    if (below(2) == 0) out.set("list", list());
    if (below(2) == 0) out.set("appendList", list());
    if (depth > 0 && below(2) == 0) out.set("object", conf(depth - 1));
    return out;
  }

  Node item() {
    auto ref = Node::empty_mapping();
    const int kind = below(6);
    if (kind == 0) ref.set("kind", Node::of_text("Mesh"));
    if (kind == 1) ref.set("kind", Node::of_text("MeshService"));
    if (kind == 2) ref.set("kind", Node::of_text("MeshServiceSubset"));
    if (kind > 2) ref.set("kind", Node::of_text("MeshSubset"));
    if (kind == 1 || kind == 2) ref.set("name", Node::of_text(value()));
    if (kind > 1) ref.set("tags", tags());
    auto out = Node::empty_mapping();
    out.set("targetRef", std::move(ref));
    out.set("default", conf(1));
    return out;
  }

  std::map<std::string, std::string> peer() {
    std::map<std::string, std::string> out;
    for (const auto* key : kKeys) {
      if (below(4) > 0) out[key] = value();
    }
    return out;
  }

 private:
  static constexpr std::array kKeys{"kuma.io/service", "version", "team", "zone"};

  std::string value() { return std::string(1, static_cast<char>('x' + below(3))); }
  Node list() {
    Node out;
    out.kind = Node::Kind::sequence;
    for (int i = below(3); i >= 0; --i) out.items.push_back(Node::of_integer(below(9)));
    return out;
  }
  Node tags() {
    auto out = Node::empty_mapping();
    for (std::size_t i = 1; i < kKeys.size(); ++i) {
      if (below(3) == 0) out.set(kKeys[i], Node::of_text(value()));
    }
    if (out.size() == 0) out.set("team", Node::of_text(value()));
    return out;
  }

  std::mt19937 random_;
};

Node merged(Node base, const Node& patch) {
  merge_into(base, patch);
  return base;
}

class RulesProperty : public testing::Test {
 protected:
  void SetUp() override { std::printf("SLUICE_SEED=%u\n", seed_); }
  unsigned seed_ = from_environment("SLUICE_SEED", std::random_device{}());
  unsigned rounds_ = from_environment("SLUICE_ROUNDS", 400);
  Generator generate_{seed_};
};

TEST_F(RulesProperty, MergingHasANeutralElementAndIsAssociative) {
  for (unsigned round = 0; round < rounds_; ++round) {
    const auto a = generate_.conf(3);
    const auto b = generate_.conf(3);
    const auto c = generate_.conf(3);
    const auto empty = Node::empty_mapping();
    ASSERT_TRUE(merged(a, empty).same_value(a)) << a.to_json();
    ASSERT_TRUE(merged(empty, a).same_value(a)) << a.to_json();
    const auto left = merged(merged(a, b), c);
    const auto right = merged(a, merged(b, c));
    ASSERT_TRUE(left.same_value(right)) << left.to_json() << "\n" << right.to_json();
  }
}

TEST_F(RulesProperty, EveryFieldIsTheLastOneThatWasSet) {
  for (unsigned round = 0; round < rounds_; ++round) {
    const auto a = generate_.conf(0);
    const auto b = generate_.conf(0);
    const auto both = merged(a, b);
    for (const auto* key : {"a", "b", "c", "list"}) {
      const auto* wanted = b.find(key) != nullptr ? b.find(key) : a.find(key);
      ASSERT_EQ(both.find(key) == nullptr, wanted == nullptr);
      if (wanted != nullptr) ASSERT_TRUE(both.find(key)->same_value(*wanted));
    }
    const auto length = [](const Node& conf) {
      const auto* list = conf.find("appendList");
      return list == nullptr ? 0 : list->size();
    };
    ASSERT_EQ(length(both), length(a) + length(b));
  }
}

bool compatible(const std::vector<RuleTag>& a, const std::vector<RuleTag>& b) {
  for (const auto& x : a) {
    for (const auto& y : b) {
      if (x.key == y.key && x.value != y.value) return false;
    }
  }
  return true;
}

// Every set of mutually compatible members that none can join, found by trying all sets.
std::vector<std::vector<std::size_t>> slow_groups(const std::vector<std::vector<RuleTag>>& sets) {
  const auto agree = [&](unsigned chosen) {
    for (std::size_t i = 0; i < sets.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if ((chosen >> i & 1) != 0 && (chosen >> j & 1) != 0 && !compatible(sets[i], sets[j])) return false;
      }
    }
    return true;
  };
  std::vector<std::vector<std::size_t>> out;
  for (unsigned chosen = 1; chosen < 1U << sets.size(); ++chosen) {
    bool maximal = agree(chosen);
    for (std::size_t i = 0; i < sets.size() && maximal; ++i)
      maximal = (chosen >> i & 1) != 0 || !agree(chosen | 1U << i);
    if (!maximal) continue;
    auto& group = out.emplace_back();
    for (std::size_t i = 0; i < sets.size(); ++i) {
      if ((chosen >> i & 1) != 0) group.push_back(i);
    }
  }
  return out;
}

TEST_F(RulesProperty, GroupsAreTheMaximalOnes) {
  for (unsigned round = 0; round < rounds_; ++round) {
    std::vector<std::vector<RuleTag>> sets;
    for (int i = generate_.below(9); i > 0; --i) sets.push_back(tags_of_item(generate_.item()));
    auto found = tag_groups(sets);
    ASSERT_TRUE(found);
    auto wanted = slow_groups(sets);
    std::ranges::sort(*found);
    std::ranges::sort(wanted);
    ASSERT_EQ(*found, wanted);
  }
}

std::string describe(const std::vector<Node>& items, const std::map<std::string, std::string>& peer) {
  std::string out;
  for (const auto& item : items) out += item.to_json() + "\n";
  for (const auto& [key, value] : peer) out += key + "=" + value + " ";
  return out;
}

TEST_F(RulesProperty, ThePeersRuleIsTheFirstThatHolds) {
  const Resource policy;
  for (unsigned round = 0; round < rounds_; ++round) {
    std::vector<Node> nodes;
    for (int i = generate_.below(6); i >= 0; --i) nodes.push_back(generate_.item());
    std::vector<PolicyItem> items;
    for (const auto& node : nodes) items.push_back({&policy, &node});
    const auto rules = SubsetRules::of(items);
    ASSERT_TRUE(rules);
    const auto all = rules->all();
    ASSERT_TRUE(all);
    for (int i = 0; i < 10; ++i) {
      const auto peer = generate_.peer();
      const auto first =
          std::ranges::find_if(*all, [&](const SubsetRule& rule) { return holds_for(rule.tags, peer); });
      const auto found = rules->first_for(peer);
      ASSERT_EQ(found.has_value(), first != all->end()) << describe(nodes, peer);
      if (!found) continue;
      ASSERT_EQ(found->tags, first->tags) << describe(nodes, peer);
      ASSERT_TRUE(found->conf.same_value(first->conf)) << describe(nodes, peer);
    }
  }
}

}  // namespace
}  // namespace sluice::policy::property
