#include "enrol/attachment.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <sstream>

#include <fmt/format.h>

#include "kernel/netns_setup.h"
#include "kernel/programs.h"

namespace sluice::agent {
namespace {

using policy::AttachKind;

Outcome<> take_identity(Attachment& attachment) {
  struct stat info{};
  if (::fstat(attachment.fd.get(), &info) != 0)
    return fault_errno("cannot inspect " + attachment.path, errno);
  attachment.device = info.st_dev;
  attachment.inode = info.st_ino;
  return {};
}

Outcome<Attachment> resolve_namespace(const std::string& path, std::uint64_t host_cookie) {
  Attachment out;
  out.in_namespace = true;
  out.path = path;
  auto fd = kernel::open_namespace(path);
  if (!fd) return std::unexpected(fd.error());
  out.fd = std::move(*fd);
  const auto cookie = kernel::namespace_cookie(out.fd.get());
  if (!cookie) return std::unexpected(cookie.error());
  if (*cookie == host_cookie)
    return fault(path + " is the namespace that Sluice itself runs in", "attach by cgroup or unit instead");
  out.netns_cookie = *cookie;
  if (auto taken = take_identity(out); !taken) return std::unexpected(taken.error());
  return out;
}

Outcome<Attachment> resolve_cgroup(const std::string& path, const std::string& root,
                                   std::uint64_t host_cookie) {
  Attachment out;
  out.path = path;
  out.netns_cookie = host_cookie;
  out.fd = Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!out.fd) return fault_errno("cannot open cgroup " + path, errno, "it is tried again until it exists");
  struct statfs file_system{};
  if (::fstatfs(out.fd.get(), &file_system) != 0 || file_system.f_type != CGROUP2_SUPER_MAGIC)
    return fault(path + " is not a cgroup (v2)", "cgroup v2 is mounted at " + root);
  if (auto taken = take_identity(out); !taken) return std::unexpected(taken.error());
  struct stat top{};
  if (::stat(root.c_str(), &top) == 0 && top.st_ino == out.inode && top.st_dev == out.device)
    return fault(path + " is the root cgroup", "attach to a cgroup of the workload's own");
  return out;
}

Outcome<Attachment> resolve_unit(const std::string& unit, const std::string& root,
                                 std::uint64_t host_cookie) {
  if (unit.find('/') != std::string::npos) return fault("unit '" + unit + "' is not a unit name");
  const std::string name = unit.find('.') == std::string::npos ? unit + ".service" : unit;
  for (const char* slice : {"/system.slice/", "/machine.slice/", "/user.slice/", "/"})
    if (auto found = resolve_cgroup(root + slice + name, root, host_cookie)) return found;
  return fault(fmt::format("unit {} has no cgroup below {}", name, root),
               "start the unit; enrolment follows by itself");
}

}  // namespace

bool Attachment::still_there() const {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && info.st_dev == device && info.st_ino == inode;
}

std::string cgroup_path(const std::string& cgroup_root, const std::string& configured) {
  return configured.starts_with('/') ? configured : cgroup_root + "/" + configured;
}

Outcome<Attachment> resolve_attachment(const policy::LocalWorkload& workload, const std::string& cgroup_root,
                                       std::uint64_t host_cookie) {
  switch (workload.attach) {
    case AttachKind::netns:
      return resolve_namespace(workload.attach_to, host_cookie);
    case AttachKind::cgroup: {
      const auto path = cgroup_path(cgroup_root, workload.attach_to);
      return resolve_cgroup(path, cgroup_root, host_cookie);
    }
    case AttachKind::unit:
      return resolve_unit(workload.attach_to, cgroup_root, host_cookie);
    case AttachKind::tap:
    case AttachKind::pod:
      break;
  }
  return fault(fmt::format("attach by {} is not supported by this version", attach_word(workload.attach)),
               "attach by netns, cgroup or unit");
}

Outcome<std::string> find_cgroup_root(const std::string& mountinfo) {
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    // proc(5): ID parent major:minor root MOUNTPOINT options... - TYPE source options
    const auto dash = line.find(" - cgroup2 ");
    if (dash == std::string::npos) continue;
    std::istringstream fields(line);
    std::array<std::string, 5> field;
    for (auto& text : field) fields >> text;
    if (!field[4].empty()) return field[4];
  }
  return fault("cgroup v2 is not mounted",
               "mount -t cgroup2 none /sys/fs/cgroup/unified, or set paths.cgroup_root");
}

std::string_view attach_word(AttachKind kind) {
  switch (kind) {
    case AttachKind::cgroup:
      return "cgroup";
    case AttachKind::unit:
      return "unit";
    case AttachKind::netns:
      return "netns";
    case AttachKind::tap:
      return "tap";
    case AttachKind::pod:
      return "pod";
  }
  return "unknown";
}

}  // namespace sluice::agent
