// Runs one function with the calling thread inside another network namespace.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <cerrno>
#include <cstdlib>

#include "base/fd.h"
#include "base/result.h"

namespace sluice::kernel {

// A thread that cannot come home would go on working in somebody else's namespace, so that ends the process.
template <typename Function>
auto in_namespace(int netns_fd, Function function) -> decltype(function()) {
  const Fd home(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!home) return fault_errno("open the own network namespace", errno);
  if (::setns(netns_fd, CLONE_NEWNET) != 0)
    return fault_errno("enter the workload's network namespace", errno, "is the namespace gone?");
  auto result = function();
  if (::setns(home.get(), CLONE_NEWNET) != 0) std::abort();
  return result;
}

}  // namespace sluice::kernel
