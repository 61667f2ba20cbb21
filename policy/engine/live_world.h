// A World that follows its resources from one compilation to the next, reading only what is new: the same
// pointer is the same document.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "policy/document/diagnostic.h"
#include "policy/document/resource.h"
#include "policy/engine/world.h"

namespace sluice::policy {

// Between two updates. What went is held here, so that no new document takes its address meanwhile.
struct WorldChanges {
  bool everything = false;  // the world was made anew; the lists are not to be relied on
  std::vector<ResourcePtr> gone;
  std::vector<ResourcePtr> come;
};

class LiveWorld {
 public:
  // All resources were judged by one dialect. References to a mesh hold until the next update with
  // `everything`.
  WorldChanges update(std::span<const ResourcePtr> resources);

  const World& world() const { return world_; }
  const Diagnostics& diagnostics() const { return diagnostics_; }

 private:
  WorldChanges difference(std::span<const ResourcePtr> resources) const;
  bool apply(const WorldChanges& changes);
  bool take_out(const Resource& resource);
  bool put_in(const Resource& resource);

  std::vector<ResourcePtr> resources_;
  World world_;
  Diagnostics diagnostics_;
};

}  // namespace sluice::policy
