#include "policy/rules/tag_groups.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace sluice::policy {
namespace {

using Indices = std::vector<std::size_t>;

// Positive tags only: two sets have no common peer exactly when they want different values of one key.
bool intersect(const std::vector<RuleTag>& a, const std::vector<RuleTag>& b) {
  return std::ranges::none_of(a, [&](const RuleTag& tag) {
    return std::ranges::any_of(
        b, [&](const RuleTag& other) { return other.key == tag.key && other.value != tag.value; });
  });
}

// Bron and Kerbosch with a pivot.
class Cliques {
 public:
  explicit Cliques(const std::vector<std::vector<RuleTag>>& sets) : near_(sets.size()) {
    for (std::size_t i = 0; i < sets.size(); ++i) {
      for (std::size_t j = 0; j < sets.size(); ++j) near_[i].push_back(i != j && intersect(sets[i], sets[j]));
    }
  }

  bool run() {
    Indices all(near_.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    Indices chosen;
    return expand(chosen, std::move(all), {});
  }
  std::vector<Indices> take() { return std::move(found_); }

 private:
  Indices neighbours(const Indices& of, std::size_t node) const {
    Indices out;
    std::ranges::copy_if(of, std::back_inserter(out), [&](std::size_t other) { return near_[node][other]; });
    return out;
  }

  std::size_t pivot(const Indices& open, const Indices& done) const {
    std::size_t best = open.empty() ? done.front() : open.front();
    std::size_t most = 0;
    for (const auto* list : {&open, &done}) {
      for (const auto node : *list) {
        const auto count = neighbours(open, node).size();
        if (count > most) std::tie(most, best) = std::pair(count, node);
      }
    }
    return best;
  }

  // False when there are too many. `open` may still join `chosen`, `done` was tried before.
  bool expand(Indices& chosen, Indices open, Indices done) {
    if (open.empty() && done.empty()) {
      if (found_.size() == kMaxTagGroups) return false;
      found_.push_back(chosen);
      std::ranges::sort(found_.back());
      return true;
    }
    const auto skipped = neighbours(open, pivot(open, done));
    for (const auto node : Indices(open)) {
      if (std::ranges::binary_search(skipped, node)) continue;
      chosen.push_back(node);
      const bool within = expand(chosen, neighbours(open, node), neighbours(done, node));
      chosen.pop_back();
      if (!within) return false;
      std::erase(open, node);
      done.push_back(node);
    }
    return true;
  }

  std::vector<std::vector<bool>> near_;
  std::vector<Indices> found_;
};

std::string digits(const Indices& group) {
  std::string out;
  for (const auto index : group) out += (out.empty() ? "" : ":") + std::to_string(index);
  return out;
}

}  // namespace

std::optional<std::vector<Indices>> tag_groups(const std::vector<std::vector<RuleTag>>& sets) {
  // Equal sets are always together, so one of them stands for all.
  std::map<std::vector<RuleTag>, Indices> members;
  for (std::size_t i = 0; i < sets.size(); ++i) members[sets[i]].push_back(i);
  if (members.size() > kMaxTagSets) return std::nullopt;
  if (members.empty()) return std::vector<Indices>{};
  std::vector<std::vector<RuleTag>> distinct;
  for (const auto& [set, own] : members) distinct.push_back(set);
  Cliques cliques(distinct);
  if (!cliques.run()) return std::nullopt;
  std::vector<Indices> out;
  for (const auto& clique : cliques.take()) {
    auto& group = out.emplace_back();
    for (const auto index : clique) {
      const auto& own = members[distinct[index]];
      group.insert(group.end(), own.begin(), own.end());
    }
    std::ranges::sort(group);
  }
  // Upstream compares the numbers joined by colons, as text, the greatest first.
  std::ranges::sort(out, std::greater<>{}, digits);
  return out;
}

}  // namespace sluice::policy
