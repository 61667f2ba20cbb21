#include "enrol/address_news.h"

#include <sys/epoll.h>

#include <array>
#include <cerrno>

#include "kernel/address_watch.h"

namespace sluice::agent {

AddressNews::AddressNews() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

Outcome<> AddressNews::listen(WorkloadId workload, int netns) {
  if (sockets_.contains(workload)) return {};
  // Interfaces of the host come and go with every pod, and say nothing about its cgroups.
  const auto links = workload == WorkloadId::none ? kernel::WatchLinks::no : kernel::WatchLinks::yes;
  auto socket = kernel::open_address_watch(netns, links);
  if (!socket) return std::unexpected(socket.error());
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = number(workload);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket->get(), &event) != 0)
    return fault_errno("wait for address changes", errno);
  sockets_.emplace(workload, std::move(*socket));
  return {};
}

std::vector<WorkloadId> AddressNews::take() {
  std::array<epoll_event, 64> ready;
  std::vector<WorkloadId> out;
  const int count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), 0);
  for (int i = 0; i < count; ++i) {
    const WorkloadId workload{ready[static_cast<std::size_t>(i)].data.u32};
    const auto found = sockets_.find(workload);
    if (found != sockets_.end() && kernel::drain_address_watch(found->second.get())) out.push_back(workload);
  }
  return out;
}

}  // namespace sluice::agent
