#include "base/fd.h"

#include <fcntl.h>
#include <unistd.h>

namespace sluice {

void Fd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Fd Fd::duplicate() const {
  return fd_ < 0 ? Fd() : Fd(::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
}

}  // namespace sluice
