#include "io/scope.h"

namespace sluice::io {

// Only a Scope spawns.
std::coroutine_handle<> spawned_has_ended(CancelGroup& group) noexcept {
  return static_cast<Scope::Group&>(group).scope.finished();
}

}  // namespace sluice::io
