#include "keeper/cgroup.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"

namespace sluice::keeper {

Outcome<> enter_cgroup(const std::string& directory) {
  const std::string hint = "give --cgroup a directory on cgroup v2 whose parent exists";
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
    return fault_errno("cannot make the cgroup " + directory, errno, hint);
  struct statfs info{};
  if (::statfs(directory.c_str(), &info) != 0) return fault_errno("cgroup " + directory, errno, hint);
  if (info.f_type != CGROUP2_SUPER_MAGIC) return fault(directory + " is not on cgroup v2", hint);
  const Fd procs(::open((directory + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!procs) return fault_errno("cgroup " + directory, errno, hint);
  if (::write(procs.get(), "0", 1) != 1)
    return fault_errno("cannot enter the cgroup " + directory, errno, hint);
  return {};
}

}  // namespace sluice::keeper
