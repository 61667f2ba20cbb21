#include "kernel/address_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "kernel/enter.h"

namespace sluice::kernel {
namespace {

// A namespace that changes without end must not keep its reader: the rest is left for the next round.
constexpr int kReadsMax = 64;

}  // namespace

Outcome<Fd> open_address_watch(int netns_fd, WatchLinks links) {
  return in_namespace(netns_fd, [links]() -> Outcome<Fd> {
    Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    if (!socket) return fault_errno("open a netlink socket", errno);
    sockaddr_nl local{};
    local.nl_family = AF_NETLINK;
    local.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | (links == WatchLinks::yes ? RTMGRP_LINK : 0U);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0)
      return fault_errno("listen to address changes", errno);
    return socket;
  });
}

bool drain_address_watch(int socket) {
  std::array<char, 8192> buffer;
  bool news = false;
  for (int i = 0; i < kReadsMax; ++i) {
    const auto size = ::recv(socket, buffer.data(), buffer.size(), MSG_TRUNC);
    if (size < 0 && errno != ENOBUFS && errno != EINTR) return news;
    news = true;
  }
  return news;
}

}  // namespace sluice::kernel
