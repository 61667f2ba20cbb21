#include "app/own_cgroup.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include <fmt/format.h>

#include "base/fd.h"
#include "kernel/programs.h"
#include "resources/durable_file.h"

namespace sluice::agent {
namespace {

Outcome<> move_to(const std::string& cgroup, long pid) {
  const std::string path = cgroup + "/cgroup.procs";
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const auto text = std::to_string(pid);
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fault_errno("cannot move process " + text + " into " + cgroup, errno,
                       "paths.cgroup must be a cgroup that may hold processes");
  return {};
}

// The cgroup v2 path of a process below the mount point: line "0::/path" of /proc/PID/cgroup.
std::string cgroup_of(long pid, const std::string& cgroup_root) {
  std::ifstream file(fmt::format("/proc/{}/cgroup", pid));
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("0::/")) return cgroup_root + line.substr(3);
  return cgroup_root;
}

}  // namespace

Outcome<OwnCgroup> enter_own_cgroup(const std::string& path, const std::string& cgroup_root) {
  if (auto made = make_directory(path, 0755); !made) return std::unexpected(made.error());
  OwnCgroup out;
  out.path = path;
  const long keeper = ::getppid();
  out.home = cgroup_of(keeper, cgroup_root);
  if (out.home == path) out.home = cgroup_root;
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fault_errno("cannot open " + path, errno);
  const auto id = kernel::cgroup_id(directory.get());
  if (!id) return std::unexpected(id.error());
  out.id = *id;
  for (const long pid : {keeper, static_cast<long>(::getpid())})
    if (auto moved = move_to(path, pid); !moved) return std::unexpected(moved.error());
  return out;
}

std::string leave_own_cgroup(const std::string& path, const std::string& home) {
  // Processes may start while others are moved, so it is looked at again; the bound ends a fork storm.
  for (int round = 0; round < 10; ++round) {
    std::ifstream processes(path + "/cgroup.procs");
    long pid = 0;
    while (processes >> pid)
      if (auto moved = move_to(home, pid); !moved) return moved.error().message;
    if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
    if (errno != EBUSY) return fault_errno("cannot remove " + path, errno).error().message;
  }
  return path + " still holds processes";
}

}  // namespace sluice::agent
