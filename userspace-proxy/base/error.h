// Errors of the data path: small, trivially copyable, no text until somebody logs them.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/reason.h"

namespace sluice {

enum class Origin : std::uint8_t { downstream, upstream, kernel, policy, internal };

// What went wrong in one step of a connection. `step` is a string literal.
struct Error {
  Reason reason = Reason::internal_error;
  Origin origin = Origin::internal;
  int sys_errno = 0;  // positive errno, 0 when none
  const char* step = "";
};
static_assert(std::is_trivially_copyable_v<Error>);

}  // namespace sluice
