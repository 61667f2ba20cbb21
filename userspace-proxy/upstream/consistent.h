// Consistent hashing: a ring and Maglev's table over the endpoints of one group. Both are made once per set
// of endpoints, available or not, and shared by all workers; who is out is walked past, so that only the keys
// of an endpoint that is out move.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "policy/table/http_image.h"

namespace sluice::upstream {

struct Hashed {
  std::string name;  // what is hashed: the endpoint's address
  std::uint32_t weight = 1;
};

class Ring {
 public:
  Ring() = default;
  // Each endpoint gets its share of the smallest ring that has ring_min points and a point for everybody, but
  // not more than ring_max in all.
  Ring(std::span<const Hashed> members, const policy::LoadBalancing& balancing);
  std::size_t size() const { return points_.size(); }
  // The first point at or after the hash. Precondition: size() > 0.
  std::size_t find(std::uint64_t hash) const;
  std::uint32_t member(std::size_t point) const { return points_[point].member; }
  std::size_t after(std::size_t point) const { return point + 1 == points_.size() ? 0 : point + 1; }

 private:
  struct Point {
    std::uint64_t hash;
    std::uint32_t member;
  };
  std::vector<Point> points_;
};

class Maglev {
 public:
  Maglev() = default;
  // The table has the first prime number of places that is not below `size`.
  Maglev(std::span<const Hashed> members, std::uint32_t size);
  std::size_t size() const { return table_.size(); }
  // Precondition: size() > 0.
  std::uint32_t member(std::uint64_t hash) const { return table_[hash % table_.size()]; }

 private:
  std::vector<std::uint32_t> table_;
};

}  // namespace sluice::upstream
