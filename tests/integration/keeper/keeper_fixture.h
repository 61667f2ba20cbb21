// What tests of the keeper do with its puppet children again and again.
#pragma once

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>

#include "tests/integration/keeper/keeper_lab.h"

namespace sluice::keeper::lab {

using message::Type;

inline constexpr uid_t kNobody = 65534;

struct Listeners {
  Fd out;
  Fd in;
};

struct Keeper : testing::Test {
  // Sends settings and waits for the proxy.
  Puppet start_proxy(KeeperLab& lab, const Puppet& agent) {
    const message::ProxySettings settings{kNobody, kNobody, 2, 1000, 0x51, 1, 2, 7};
    const Fd map(::memfd_create("heartbeat", MFD_CLOEXEC));
    const int fds[] = {map.get()};
    EXPECT_TRUE(message::send_body(agent.channel.get(), Type::proxy_settings, 0, settings, fds));
    return lab.next_child();
  }

  Listeners add_workload(Puppet& agent, std::uint32_t workload, const Fd& netns) {
    const int fds[] = {netns.get()};
    EXPECT_TRUE(message::send_body(agent.channel.get(), Type::add_workload, 9,
                                   message::AddWorkload{workload, 0}, fds));
    auto packet = agent.expect(Type::workload_ready);
    const auto ready = message::body_of<message::WorkloadReady>(packet, 2, 2);
    EXPECT_TRUE(ready);
    EXPECT_EQ(packet.header.request, 9u);
    if (!ready) return {};
    EXPECT_EQ(ready->error, 0);
    return {std::move(packet.fds[0]), std::move(packet.fds[1])};
  }

  message::Packet ask_sockets(Puppet& proxy, message::MakeSockets wanted) {
    EXPECT_TRUE(message::send_body(proxy.channel.get(), Type::make_sockets, 5, wanted));
    return proxy.expect(Type::sockets);
  }

  // Connects to the listener from inside its namespace; the connected socket.
  Fd dial(const Fd& netns, const Fd& listener) {
    sockaddr_in6 address{};
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    address.sin6_addr = in6addr_loopback;
    Fd socket;
    inside(netns, [&] {
      socket = Fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
      EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << errno;
    });
    return socket;
  }

  struct Upgraded {
    Puppet agent;
    Puppet successor;
  };
  // Up to the second proxy: the agent asks, is replaced, and the new one sends its settings.
  Upgraded upgrade(KeeperLab& lab, const Puppet& agent) {
    EXPECT_TRUE(message::send(agent.channel.get(), {message::kMagic, Type::upgrade, 0}, {}));
    auto next_agent = lab.next_child();
    EXPECT_TRUE(next_agent.words.starts_with("agent")) << next_agent.words;
    auto successor = start_proxy(lab, next_agent);
    return {std::move(next_agent), std::move(successor)};
  }

  void serve(const Puppet& proxy) {
    EXPECT_TRUE(message::send(proxy.channel.get(), {message::kMagic, Type::serving, 0}, {}));
  }

  // The next state that the agent is told and that fits.
  template <typename Fits>
  message::ChildState state_when(Puppet& agent, Fits fits) {
    while (true) {
      const auto state = message::body_of<message::ChildState>(agent.expect(Type::child_state));
      if (!state || HasFailure()) return {};
      if (fits(*state)) return *state;
    }
  }

  bool accepts(const Fd& listener) {
    pollfd entry{listener.get(), POLLIN, 0};
    return ::poll(&entry, 1, 10000) == 1 &&
           Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)).valid();
  }
};

}  // namespace sluice::keeper::lab
