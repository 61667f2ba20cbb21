// Result<T> for the data path (Error: a reason code, no text) and Outcome<T> for the control plane (Fault:
// text and the operator's next step). Both are std::expected; neither path throws.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "base/error.h"

namespace sluice {

template <typename T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Reason reason, Origin origin, const char* step, int sys_errno = 0) {
  return std::unexpected(Error{reason, origin, sys_errno, step});
}

// A control-plane error as the operator reads it.
struct Fault {
  std::string message;    // what is wrong, with the name of the thing
  std::string next_step;  // what to do about it; may be empty
};

template <typename T = void>
using Outcome = std::expected<T, Fault>;

inline std::unexpected<Fault> fault(std::string message, std::string next_step = {}) {
  return std::unexpected(Fault{std::move(message), std::move(next_step)});
}

// "message: <text of sys_errno>"
std::unexpected<Fault> fault_errno(std::string message, int sys_errno, std::string next_step = {});

}  // namespace sluice
