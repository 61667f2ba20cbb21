#include "base/result.h"

#include <system_error>

namespace sluice {

std::unexpected<Fault> fault_errno(std::string message, int sys_errno, std::string next_step) {
  message += ": ";
  message += std::generic_category().message(sys_errno);
  return fault(std::move(message), std::move(next_step));
}

}  // namespace sluice
