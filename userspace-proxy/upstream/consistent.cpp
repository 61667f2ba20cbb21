#include "upstream/consistent.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "upstream/hash.h"

namespace sluice::upstream {
namespace {

constexpr std::uint32_t kPointsMax = 1U << 20;   // whatever the policy allows: 16 MB
constexpr std::uint32_t kPlacesMax = 5'000'011;  // Kuma's maximum, a prime

bool is_prime(std::uint32_t number) {
  if (number < 4) return number >= 2;
  if (number % 2 == 0) return false;
  for (std::uint32_t divisor = 3; std::uint64_t{divisor} * divisor <= number; divisor += 2) {
    if (number % divisor == 0) return false;
  }
  return true;
}

std::uint64_t total_weight(std::span<const Hashed> members) {
  std::uint64_t total = 0;
  for (const auto& member : members) total += std::max(member.weight, 1U);
  return total;
}

}  // namespace

Ring::Ring(std::span<const Hashed> members, const policy::LoadBalancing& balancing) {
  if (members.empty()) return;
  const auto total = static_cast<double>(total_weight(members));
  double least = 1;
  for (const auto& member : members) least = std::min(least, std::max(member.weight, 1U) / total);
  const double wanted = std::ceil(least * balancing.ring_min) / least;
  const double scale = std::min<double>(wanted, std::min(balancing.ring_max, kPointsMax));
  points_.reserve(static_cast<std::size_t>(scale) + members.size());
  double target = 0;
  for (std::uint32_t i = 0; i < members.size(); ++i) {
    // At least one point for everybody, even where the ring is smaller than the set.
    target = std::max(target + scale * std::max(members[i].weight, 1U) / total,
                      static_cast<double>(points_.size()) + 1e-6);
    std::string key = members[i].name + '_';
    const std::size_t stem = key.size();
    for (std::uint32_t n = 0; static_cast<double>(points_.size()) < target - 1e-9; ++n) {
      key.resize(stem);
      key += std::to_string(n);
      points_.push_back({balancing.murmur ? murmur64(key) : xxh64(key), i});
    }
  }
  std::ranges::sort(points_, [](const Point& a, const Point& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.member < b.member;
  });
}

std::size_t Ring::find(std::uint64_t hash) const {
  const auto point = std::ranges::lower_bound(points_, hash, {}, &Point::hash);
  return point == points_.end() ? 0 : static_cast<std::size_t>(point - points_.begin());
}

Maglev::Maglev(std::span<const Hashed> members, std::uint32_t size) {
  if (members.empty()) return;
  constexpr std::uint32_t kFree = std::numeric_limits<std::uint32_t>::max();
  // Everybody has a place: the table is never smaller than the set.
  const auto least = static_cast<std::uint32_t>(std::min<std::size_t>(members.size(), kPlacesMax));
  std::uint32_t places = std::clamp(size, std::max(least, 2U), kPlacesMax);
  while (!is_prime(places)) ++places;
  struct Turn {
    std::uint64_t place;
    std::uint64_t skip;
    double weight;
    double due = 0;
  };
  std::vector<Turn> turns;
  double heaviest = 0;
  for (const auto& member : members) {
    const double weight = std::max(member.weight, 1U);
    heaviest = std::max(heaviest, weight);
    turns.push_back({xxh64(member.name) % places, xxh64(member.name, 1) % (places - 1) + 1, weight});
  }
  table_.assign(places, kFree);
  std::uint32_t filled = 0;
  for (double round = 1; filled < places; ++round) {
    for (std::uint32_t i = 0; i < turns.size() && filled < places; ++i) {
      auto& turn = turns[i];
      // A member of half the weight takes every second turn.
      if (round * turn.weight < turn.due) continue;
      turn.due += heaviest;
      while (table_[turn.place] != kFree) turn.place = (turn.place + turn.skip) % places;
      table_[turn.place] = i;
      ++filled;
    }
  }
}

}  // namespace sluice::upstream
