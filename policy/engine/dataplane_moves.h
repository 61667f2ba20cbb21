// Where the Dataplanes of a mesh stand after some went and some came: everything else names them by position.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "policy/engine/world.h"

namespace sluice::policy {

class DataplaneMoves {
 public:
  // `mesh` as it is now. `gone` and `come`: its documents that went and came, of any kind. One that changed
  // is among both.
  DataplaneMoves(const MeshWorld& mesh, std::span<const Resource* const> gone,
                 std::span<const Resource* const> come);

  bool any() const { return !gone_.empty() || !come_.empty(); }
  // Nobody stands elsewhere than before.
  bool in_place() const { return gone_ == come_; }
  // Where the one at this position is now; nothing when it went, though its name may have come again.
  std::optional<std::uint32_t> now_at(std::uint32_t before) const;
  std::span<const std::uint32_t> come() const { return come_; }
  std::span<const Resource* const> gone() const { return resources_; }

 private:
  std::vector<std::uint32_t> gone_;  // positions before, ascending
  std::vector<std::uint32_t> come_;  // positions now, ascending
  std::vector<const Resource*> resources_;
};

}  // namespace sluice::policy
