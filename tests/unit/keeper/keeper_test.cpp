#include "keeper/keeper.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "keeper/backoff.h"
#include "keeper/channel.h"
#include "keeper/children.h"
#include "keeper/supervisor.h"

namespace sluice::keeper {
namespace {

MonoTime at(int milliseconds) {
  return MonoTime(Millis(milliseconds));
}

TEST(Backoff, DoublesToTwoSecondsAndForgetsAfterTen) {
  Backoff backoff;
  EXPECT_EQ(backoff.next_start(at(0), at(1)), at(1));
  EXPECT_EQ(backoff.next_start(at(1), at(1)), at(51));
  EXPECT_EQ(backoff.next_start(at(51), at(51)), at(151));
  for (int i = 0; i < 10; ++i) backoff.next_start(at(0), at(0));
  EXPECT_EQ(backoff.next_start(at(0), at(0)), at(2000));
  EXPECT_EQ(backoff.next_start(at(0), at(10000)), at(10000));
}

TEST(SocketBudget, RunsOutAndComesBack) {
  SocketBudget budget;
  const auto start = at(100000);
  for (int i = 0; i < 127; ++i) EXPECT_FALSE(budget.take(64, start));
  const auto again = budget.take(64, start);
  ASSERT_TRUE(again);
  EXPECT_GT(*again, start);
  EXPECT_LT(*again, start + Millis(10));
  EXPECT_FALSE(budget.take(1, start + Millis(1000)));
}

TEST(KeeperOptions, TakesItsOwnFlagsAndLeavesTheRest) {
  const char* argv[] = {"sluiced", "--config",   "/c.yaml",     "--cgroup",
                        "/sys/c",  "--proxy=/p", "--node.name", "--cgroup"};
  const auto options = keeper_options(8, argv);
  EXPECT_EQ(options.cgroup, "/sys/c");
  EXPECT_EQ(options.proxy, "/p");
  EXPECT_EQ(options.agent_argv, (std::vector<std::string>{"--config", "/c.yaml", "--node.name", "--cgroup"}));
  EXPECT_EQ(options.arguments.size(), 8u);
}

TEST(Settings, RefusesRootAndNonsense) {
  message::ProxySettings good;
  good.uid = good.gid = 65534;
  EXPECT_TRUE(check_settings(good));
  auto bad = good;
  bad.uid = 0;
  EXPECT_FALSE(check_settings(bad));
  bad = good;
  bad.workers = 65;
  EXPECT_FALSE(check_settings(bad));
  bad = good;
  bad.access_log_format = 3;
  EXPECT_FALSE(check_settings(bad));
  bad = good;
  bad.log_level = 4;
  EXPECT_FALSE(check_settings(bad));
}

TEST(Channel, QueuesForASlowReaderInOrderAndIsBounded) {
  auto ends = Channel::make_pair().value();
  Channel channel(std::move(ends[0]));
  std::uint32_t sent = 0;
  while (channel.send_body(message::Type::listener_gone, sent, message::ListenerGone{sent})) ++sent;
  EXPECT_GE(sent, Channel::kQueueMax);
  EXPECT_TRUE(channel.has_queue());
  for (std::uint32_t i = 0; i < sent; ++i) {
    ASSERT_TRUE(channel.flush());
    const auto packet = message::receive(ends[1].get());
    ASSERT_TRUE(packet);
    ASSERT_EQ(packet->header.request, i);
  }
  EXPECT_FALSE(channel.has_queue());
}

TEST(Channel, FarEndGoneIsAFault) {
  auto ends = Channel::make_pair().value();
  Channel channel(std::move(ends[0]));
  ends[1].reset();
  EXPECT_FALSE(channel.send_body(message::Type::drain, 0, message::Drain{1}));
}

}  // namespace
}  // namespace sluice::keeper
