#include "upstream/spread.h"

#include <algorithm>
#include <numeric>
#include <queue>
#include <tuple>

namespace sluice::upstream {
namespace {

// Nothing is available anywhere: every priority takes its share of the endpoints, in panic.
std::vector<PriorityShare> total_panic(std::span<const PrioritySize> priorities) {
  std::vector<PriorityShare> shares(priorities.size());
  std::uint64_t all = 0;
  for (const auto& priority : priorities) all += priority.endpoints;
  if (all == 0) return shares;
  std::uint32_t left = 100;
  std::size_t largest = 0;
  for (std::size_t i = 0; i < priorities.size(); ++i) {
    shares[i] = {static_cast<std::uint32_t>(std::uint64_t{priorities[i].endpoints} * 100 / all), true};
    left -= shares[i].percent;
    if (priorities[i].endpoints > priorities[largest].endpoints) largest = i;
  }
  shares[largest].percent += left;
  return shares;
}

}  // namespace

std::vector<PriorityShare> spread(std::span<const PrioritySize> priorities,
                                  std::uint32_t overprovisioning_percent, std::uint32_t panic_percent) {
  std::vector<std::uint32_t> health(priorities.size());
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < priorities.size(); ++i) {
    if (priorities[i].endpoints == 0) continue;
    const std::uint64_t bears =
        std::uint64_t{overprovisioning_percent} * priorities[i].available / priorities[i].endpoints;
    health[i] = static_cast<std::uint32_t>(std::min<std::uint64_t>(100, bears));
    // What is there bears something, however large the rest.
    if (priorities[i].available > 0) health[i] = std::max(health[i], 1U);
    sum += health[i];
  }
  const auto total = static_cast<std::uint32_t>(std::min<std::uint64_t>(100, sum));
  if (total == 0) {
    auto shares = total_panic(priorities);
    for (auto& share : shares) share.panic = panic_percent > 0;
    return shares;
  }
  std::vector<PriorityShare> shares(priorities.size());
  std::uint32_t left = 100;
  std::size_t first = priorities.size();
  for (std::size_t i = 0; i < priorities.size(); ++i) {
    if (health[i] == 0) continue;
    first = std::min(first, i);
    shares[i].percent = std::min(left, health[i] * 100 / total);
    left -= shares[i].percent;
    const bool few =
        std::uint64_t{priorities[i].available} * 100 < std::uint64_t{panic_percent} * priorities[i].endpoints;
    shares[i].panic = total < 100 && few;
  }
  shares[first].percent += left;  // what rounding left over
  return shares;
}

std::vector<std::uint32_t> smooth_schedule(std::span<const std::uint32_t> weights, std::size_t longest) {
  std::vector<std::uint64_t> turns(weights.begin(), weights.end());
  std::uint64_t divisor = 0;
  std::uint64_t sum = 0;
  for (auto& turn : turns) {
    turn = std::max<std::uint64_t>(turn, 1);
    divisor = std::gcd(divisor, turn);
  }
  for (auto& turn : turns) sum += turn /= divisor;
  if (sum > longest) {
    const auto room = static_cast<double>(longest);
    for (auto& turn : turns) {
      const double exact = static_cast<double>(turn) * room / static_cast<double>(sum);
      turn = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(exact));
    }
  }
  // (deadline, position, turns taken): the next turn of a position with n turns is due at (taken + 1) / n.
  using Due = std::tuple<double, std::uint32_t, std::uint64_t>;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> queue;
  for (std::uint32_t i = 0; i < turns.size(); ++i) queue.emplace(1.0 / static_cast<double>(turns[i]), i, 1);
  std::vector<std::uint32_t> schedule;
  while (!queue.empty()) {
    const auto [deadline, position, taken] = queue.top();
    queue.pop();
    schedule.push_back(position);
    if (taken == turns[position]) continue;
    queue.emplace(static_cast<double>(taken + 1) / static_cast<double>(turns[position]), position, taken + 1);
  }
  return schedule;
}

}  // namespace sluice::upstream
