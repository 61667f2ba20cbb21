// The real keeper against puppet children: how it re-executes itself and replaces agent and proxy while
// connections live on.
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/integration/keeper/keeper_fixture.h"

namespace sluice::keeper::lab {
namespace {

TEST_F(Keeper, ReExecutesWithoutClosingAnything) {
  KeeperLab lab;
  auto agent = lab.next_child();
  auto proxy = start_proxy(lab, agent);
  const Fd netns = make_netns();
  const auto listeners = add_workload(agent, 4, netns);
  proxy.expect(Type::listener);
  proxy.expect(Type::listener);
  const auto open_descriptors = [&] {
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(lab.pid()) + "/fd");
    return std::distance(begin(all), end(all));
  };
  const auto before = open_descriptors();
  // The first environment of the process tells that the new program runs.
  lab.kill(SIGUSR2);
  ASSERT_TRUE(eventually([&] {
    std::ifstream file("/proc/" + std::to_string(lab.pid()) + "/environ");
    const std::string all((std::istreambuf_iterator<char>(file)), {});
    return all.find("SLUICE_KEEPER_STATE=") != all.npos;
  }));
  for (int i = 0; i < 3; ++i) {
    lab.kill(SIGUSR2);
    EXPECT_EQ(ask_sockets(proxy, {4, message::SocketKind::mesh_out, 1, 2}).fds.size(), 2u);
    const auto same = add_workload(agent, 4, netns);
    EXPECT_EQ(inode_of(same.out), inode_of(listeners.out));
  }
  EXPECT_TRUE(eventually([&] { return open_descriptors() == before; }))
      << open_descriptors() << " != " << before;
  const Fd client = dial(netns, listeners.in);
  EXPECT_TRUE(accepts(listeners.in));
  EXPECT_EQ(::kill(proxy.pid, 0), 0);
  EXPECT_EQ(::kill(agent.pid, 0), 0);
  EXPECT_EQ(status_field(lab.pid(), "CapPrm"), "00000000002015e0");
  ::kill(proxy.pid, SIGKILL);  // the new keeper reaps and restarts what the old one forked
  auto successor = lab.next_child();
  EXPECT_EQ(inode_of(successor.expect(Type::listener).fds[0]), inode_of(listeners.out));
}

TEST_F(Keeper, UpgradesAgentAndProxyOneAfterTheOther) {
  KeeperLab lab;
  auto agent = lab.next_child();
  auto proxy = start_proxy(lab, agent);
  const Fd netns = make_netns();
  const auto listeners = add_workload(agent, 4, netns);
  auto [next_agent, successor] = upgrade(lab, agent);
  EXPECT_NE(next_agent.pid, agent.pid);
  EXPECT_EQ(successor.words.substr(successor.words.find("--lane")), "--lane 1 --successor 1");
  EXPECT_EQ(inode_of(successor.expect(Type::listener).fds[0]), inode_of(listeners.out));
  EXPECT_EQ(successor.expect(Type::peer_link).fds.size(), 1u);
  EXPECT_EQ(ask_sockets(proxy, {4, message::SocketKind::mesh_out, 1, 2}).fds.size(), 2u);
  EXPECT_EQ(state_when(next_agent, [&](const auto& s) { return s.successor_pid == successor.pid; }).pid,
            proxy.pid);
  serve(successor);
  const auto drain = message::body_of<message::Drain>(proxy.expect(Type::drain));
  EXPECT_EQ(drain->grace_seconds, 600u);
  EXPECT_EQ(drain->successor, 1u);
  const auto after = state_when(next_agent, [](const auto& s) { return s.upgrades == 1; });
  EXPECT_EQ(after.pid, successor.pid);
  EXPECT_EQ(after.step, message::UpgradeStep::none);
  EXPECT_STREQ(after.upgrade_problem.data(), "");
  ASSERT_EQ(after.leaving_count, 1u);
  EXPECT_EQ(after.leaving[0].pid, proxy.pid);
  // The leaving one gets its sockets, hears of workloads that go, and of a stop.
  EXPECT_EQ(ask_sockets(proxy, {4, message::SocketKind::mesh_out, 1, 2}).fds.size(), 2u);
  ASSERT_TRUE(
      message::send_body(next_agent.channel.get(), Type::remove_workload, 0, message::RemoveWorkload{4}));
  proxy.expect(Type::listener_gone);
  successor.expect(Type::listener_gone);
  lab.kill(SIGUSR2);  // what leaves is carried over a further re-exec
  EXPECT_EQ(ask_sockets(proxy, {9, message::SocketKind::mesh_out, 1, 2}).fds.size(), 0u);
  lab.kill(SIGTERM);
  EXPECT_EQ(message::body_of<message::Drain>(proxy.expect(Type::drain))->grace_seconds, 7u);
  successor.expect(Type::drain);
  successor.end_with(0);
  EXPECT_EQ(::kill(next_agent.pid, 0), 0);
  proxy.end_with(0);
  EXPECT_EQ(lab.wait_for_exit(), 0);
}

TEST_F(Keeper, LeavingProxyThatEndsIsForgotten) {
  KeeperLab lab;
  auto agent = lab.next_child();
  auto proxy = start_proxy(lab, agent);
  auto [next_agent, successor] = upgrade(lab, agent);
  serve(successor);
  state_when(next_agent, [](const auto& s) { return s.leaving_count == 1; });
  proxy.end_with(0);
  EXPECT_EQ(state_when(next_agent, [](const auto& s) { return s.leaving_count == 0; }).pid, successor.pid);
  auto [third_agent, third] = upgrade(lab, next_agent);
  EXPECT_NE(third.words.find("--lane 0"), third.words.npos) << "its lane is free again";
}

TEST_F(Keeper, TooManyLeavingProxiesRefuseAFurtherUpgrade) {
  KeeperLab lab;
  auto agent = lab.next_child();
  std::vector<Puppet> proxies;
  proxies.push_back(start_proxy(lab, agent));
  for (std::size_t i = 0; i < message::kLeavingMax; ++i) {
    auto [next_agent, successor] = upgrade(lab, agent);
    serve(successor);
    agent = std::move(next_agent);
    proxies.push_back(std::move(successor));
    state_when(agent, [i](const auto& s) { return s.leaving_count == i + 1; });
  }
  ASSERT_TRUE(message::send(agent.channel.get(), {message::kMagic, Type::upgrade, 0}, {}));
  const auto state = state_when(agent, [](const auto& s) { return s.upgrades == message::kLeavingMax + 1; });
  EXPECT_THAT(state.upgrade_problem.data(), testing::HasSubstr("2 earlier proxies still carry connections"));
  EXPECT_EQ(state.pid, proxies.back().pid);
}

TEST_F(Keeper, SuccessorThatDiesLeavesTheProxyInPlace) {
  KeeperLab lab;
  auto agent = lab.next_child();
  auto proxy = start_proxy(lab, agent);
  auto [next_agent, successor] = upgrade(lab, agent);
  ::kill(successor.pid, SIGKILL);
  const auto state = state_when(next_agent, [](const auto& s) { return s.upgrades == 1; });
  EXPECT_EQ(state.pid, proxy.pid);
  EXPECT_EQ(state.restarts, 0u);
  EXPECT_THAT(state.upgrade_problem.data(), testing::HasSubstr("was killed by signal 9"));
  EXPECT_EQ(ask_sockets(proxy, {1, message::SocketKind::mesh_out, 1, 1}).fds.size(), 0u)
      << "it is still heard";
}

TEST_F(Keeper, SuccessorTakesOverFromAProxyThatDiesMeanwhile) {
  KeeperLab lab;
  auto agent = lab.next_child();
  auto proxy = start_proxy(lab, agent);
  auto [next_agent, successor] = upgrade(lab, agent);
  ::kill(proxy.pid, SIGKILL);
  EXPECT_EQ(state_when(next_agent, [&](const auto& s) { return s.pid == successor.pid; }).upgrades, 0u);
  serve(successor);
  const auto state = state_when(next_agent, [](const auto& s) { return s.upgrades == 1; });
  EXPECT_STREQ(state.upgrade_problem.data(), "");
  EXPECT_EQ(state.leaving_count, 0u);
}

TEST_F(Keeper, NewAgentThatFailsEndsTheUpgrade) {
  KeeperLab lab;
  auto agent = lab.next_child();
  auto proxy = start_proxy(lab, agent);
  ASSERT_TRUE(message::send(agent.channel.get(), {message::kMagic, Type::upgrade, 0}, {}));
  lab.next_child().end_with(3);
  auto again = lab.next_child();
  EXPECT_TRUE(again.words.starts_with("agent"));
  const auto state = state_when(again, [](const auto& s) { return s.upgrades == 1; });
  EXPECT_THAT(state.upgrade_problem.data(), testing::HasSubstr("the new agent ended with code 3"));
  EXPECT_EQ(state.pid, proxy.pid);
}

}  // namespace
}  // namespace sluice::keeper::lab
