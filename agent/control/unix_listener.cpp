#include "control/unix_listener.h"

#include <fmt/core.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace sluice::control {
namespace {

constexpr int kBacklog = 64;

Outcome<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fault(fmt::format("control socket path '{}' must have 1 to {} characters", path,
                             sizeof address.sun_path - 1),
                 "set a shorter control socket path in the configuration");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Removes what a dead instance left at `path`; an error when the path is alive or not a socket.
Outcome<> clear_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return fault_errno(fmt::format("control socket {}", path), errno);
  }
  if (!S_ISSOCK(status.st_mode))
    return fault(fmt::format("{} exists and is not a socket", path),
                 "move it away or choose another control socket path");
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return fault_errno("control socket probe", errno);
  const int connected = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  // A full queue (EAGAIN) means that somebody listens.
  if (connected == 0 || errno != ECONNREFUSED)
    return fault(fmt::format("another instance already answers on {}", path),
                 "stop it first, or give this instance its own control socket path");
  if (::unlink(path.c_str()) != 0) return fault_errno(fmt::format("remove stale {}", path), errno);
  return {};
}

Outcome<> set_access(const std::string& path, std::optional<gid_t> group) {
  if (group && ::chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0)
    return fault_errno(fmt::format("give {} to its group", path), errno);
  if (::chmod(path.c_str(), group ? 0660 : 0600) != 0)
    return fault_errno(fmt::format("set the mode of {}", path), errno);
  return {};
}

}  // namespace

Outcome<UnixListener> UnixListener::open(const std::string& path, std::optional<gid_t> group) {
  auto address = address_of(path);
  if (!address) return std::unexpected(address.error());
  std::error_code failed;
  const auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, failed);
  if (failed) return fault_errno(fmt::format("create {}", parent.string()), failed.value());
  if (auto cleared = clear_stale(path, *address); !cleared) return std::unexpected(cleared.error());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fault_errno("control socket", errno);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
    return fault_errno(fmt::format("bind control socket {}", path), errno,
                       "is the directory writable, and is the file system full or read-only?");
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return fault_errno(fmt::format("control socket {}", path), errno);
  UnixListener listener(std::move(fd), path, status.st_dev, status.st_ino);
  // Nobody can connect before listen(), so the mode is right from the first connection on.
  if (auto set = set_access(path, group); !set) return std::unexpected(set.error());
  if (::listen(listener.fd(), kBacklog) != 0) return fault_errno(fmt::format("listen on {}", path), errno);
  return listener;
}

UnixListener::~UnixListener() {
  if (!fd_) return;
  struct stat status{};
  if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_)
    ::unlink(path_.c_str());
}

std::optional<gid_t> group_id(const std::string& name) {
  std::vector<char> buffer(16384);
  group entry{};
  group* found = nullptr;
  if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return entry.gr_gid;
}

}  // namespace sluice::control
