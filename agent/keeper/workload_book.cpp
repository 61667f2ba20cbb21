#include "keeper/workload_book.h"

#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>

namespace sluice::keeper {
namespace {

SysResult<HeldWorkload> open_workload(const Namespaces& namespaces, Fd netns) {
  HeldWorkload held;
  if (netns) {
    struct stat info{};
    if (::fstat(netns.get(), &info) != 0) return std::unexpected(errno);
    if (::ioctl(netns.get(), NS_GET_NSTYPE) != CLONE_NEWNET) return std::unexpected(EINVAL);
    held.device = info.st_dev;
    held.inode = info.st_ino;
  }
  held.netns = std::move(netns);
  return namespaces.inside(held.netns.get(), [&held]() -> SysResult<HeldWorkload> {
    for (Fd* listener : {&held.out, &held.in}) {
      auto made = make_listener(listener == &held.out);
      if (!made) return std::unexpected(made.error());
      *listener = std::move(*made);
    }
    return std::move(held);
  });
}

SysResult<bool> same_namespace(const HeldWorkload& held, const Fd& netns) {
  if (!netns) return !held.netns.valid();
  struct stat info{};
  if (::fstat(netns.get(), &info) != 0) return std::unexpected(errno);
  return held.netns.valid() && info.st_dev == held.device && info.st_ino == held.inode;
}

}  // namespace

SysResult<WorkloadBook::Added> WorkloadBook::add(std::uint32_t workload, Fd netns) {
  const auto found = held_.find(workload);
  if (found != held_.end()) {
    const auto same = same_namespace(found->second, netns);
    if (!same) return std::unexpected(same.error());
    if (*same) {
      found->second.claimed = true;
      return Added::known;
    }
  } else if (held_.size() >= kWorkloadsMax) {
    return std::unexpected(ENOSPC);
  }
  auto held = open_workload(namespaces_, std::move(netns));
  if (!held) return std::unexpected(held.error());
  const bool replaced = found != held_.end();
  held_.insert_or_assign(workload, std::move(*held));
  return replaced ? Added::replaced : Added::made;
}

bool WorkloadBook::remove(std::uint32_t workload) {
  return held_.erase(workload) != 0;
}

const HeldWorkload* WorkloadBook::find(std::uint32_t workload) const {
  const auto found = held_.find(workload);
  return found == held_.end() ? nullptr : &found->second;
}

SysResult<std::vector<Fd>> WorkloadBook::make_sockets(const message::MakeSockets& wanted,
                                                      std::uint32_t mark) const {
  const bool known_kind =
      wanted.kind == message::SocketKind::mesh_out || wanted.kind == message::SocketKind::app_in;
  if (!known_kind || wanted.ipv6 > 1 || wanted.count == 0 || wanted.count > message::kMaxFds)
    return std::unexpected(EINVAL);
  const auto* held = find(wanted.workload);
  if (held == nullptr) return std::unexpected(ENOENT);
  return namespaces_.inside(held->netns.get(), [&]() -> SysResult<std::vector<Fd>> {
    std::vector<Fd> made;
    for (std::uint32_t i = 0; i < wanted.count; ++i) {
      auto fd = make_upstream(wanted.kind, wanted.ipv6 == 1, mark);
      if (fd)
        made.push_back(std::move(*fd));
      else if (made.empty())
        return std::unexpected(fd.error());
      else
        break;
    }
    return made;
  });
}

void WorkloadBook::unclaim_all() {
  for (auto& [workload, held] : held_) held.claimed = false;
}

std::vector<std::uint32_t> WorkloadBook::drop_unclaimed() {
  std::vector<std::uint32_t> dropped;
  std::erase_if(held_, [&dropped](const auto& entry) {
    if (!entry.second.claimed) dropped.push_back(entry.first);
    return !entry.second.claimed;
  });
  return dropped;
}

}  // namespace sluice::keeper
