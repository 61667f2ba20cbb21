#include "app/own_cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <optional>

#include <fmt/format.h>

#include "base/fd.h"
#include "kernel/programs.h"

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

// Makes or removes one directory. The root of the hierarchy has mode 0555 and the agent holds no capability
// that overrides modes; as the owner of the parent it lends itself the bit for this one step. errno tells a
// failure.
template <typename Step>
bool in_parent(const std::string& path, Step step) {
  if (step(path.c_str()) == 0) return true;
  if (errno != EACCES) return false;
  const Fd parent(::open(path.substr(0, path.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat info{};
  if (!parent || ::fstat(parent.get(), &info) != 0) return false;
  if (::fchmod(parent.get(), (info.st_mode & 07777) | S_IWUSR) != 0) return false;
  const int result = step(path.c_str());
  const int error = errno;
  const bool restored = ::fchmod(parent.get(), info.st_mode & 07777) == 0;
  if (result != 0) errno = error;
  return result == 0 && restored;
}

Outcome<> make_cgroup(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const auto part = path.substr(0, slash);
    if (!in_parent(part, [](const char* name) { return ::mkdir(name, 0755); }) && errno != EEXIST)
      return fault_errno("cannot make cgroup " + part, errno,
                         "paths.cgroup must name a place where root may make a cgroup");
    if (slash == std::string::npos) return {};
  }
}

struct ProcessFacts {
  std::string name;
  long parent = 0;
};

// From /proc/PID/stat, "PID (NAME) STATE PARENT ..."; a name may hold anything, ") " as well.
std::optional<ProcessFacts> facts_of(long pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  const auto open = line.find('(');
  const auto close = line.rfind(") ");
  if (open == std::string::npos || close == std::string::npos || close + 4 >= line.size())
    return std::nullopt;
  return ProcessFacts{line.substr(open + 1, close - open - 1),
                      std::strtol(line.c_str() + close + 4, nullptr, 10)};
}

}  // namespace

Outcome<OwnCgroup> enter_own_cgroup(const std::string& path, const std::string& cgroup_root) {
  if (auto made = make_cgroup(path); !made) return std::unexpected(made.error());
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
    if (in_parent(path, [](const char* name) { return ::rmdir(name); }) || errno == ENOENT) return {};
    if (errno != EBUSY) return fault_errno("cannot remove " + path, errno).error().message;
  }
  return path + " still holds processes";
}

std::vector<std::string> strangers_in_own_cgroup(const std::string& path, long keeper) {
  std::vector<std::string> out;
  std::ifstream processes(path + "/cgroup.procs");
  for (long pid = 0; processes >> pid;) {
    if (pid == keeper) continue;
    const auto facts = facts_of(pid);  // nothing: it has ended meanwhile
    if (facts && facts->parent != keeper) out.push_back(fmt::format("{} ({})", pid, facts->name));
  }
  return out;
}

}  // namespace sluice::agent
