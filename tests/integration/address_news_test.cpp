// Changes of addresses and interfaces are told by the namespaces where they happen, and by no other.
#include "enrol/address_news.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "../support/netns.h"
#include "kernel/address_watch.h"

namespace sluice::agent {
namespace {

using test::Netns;

// Far more than it takes; the tests do not wait for it where there is news.
constexpr int kWaitMs = 5000;

class AddressNewsOfNamespaces : public testing::Test {
 protected:
  AddressNewsOfNamespaces() {
    EXPECT_TRUE(news.listen(kOne, one.fd()));
    EXPECT_TRUE(news.listen(kTwo, two.fd()));
    EXPECT_TRUE(news.take().empty());
  }
  bool told(int wait_ms = kWaitMs) const {
    pollfd ready{news.fd(), POLLIN, 0};
    return ::poll(&ready, 1, wait_ms) == 1;
  }
  void expect_told_by(WorkloadId workload) {
    EXPECT_TRUE(told());
    EXPECT_EQ(news.take(), std::vector{workload});
    EXPECT_FALSE(told(0)) << "taken is taken";
  }

  static constexpr WorkloadId kOne{1};
  static constexpr WorkloadId kTwo{2};
  Netns one;
  Netns two;
  AddressNews news;
};

TEST_F(AddressNewsOfNamespaces, AddressesOfBothFamiliesComeAndGo) {
  for (const char* change : {"add 10.9.9.1/24", "del 10.9.9.1/24", "add fd00:9::1/64", "del fd00:9::1/64"}) {
    one.shell_in(std::string("ip addr ") + change + " dev lo");
    expect_told_by(kOne);
  }
  two.shell_in("ip addr add 10.9.9.2/24 dev lo");
  expect_told_by(kTwo);
}

TEST_F(AddressNewsOfNamespaces, InterfaceIsNewsOfAWorkloadAndNotOfTheHost) {
  one.shell_in("ip link add more type veth peer name less");
  expect_told_by(kOne);
  ASSERT_TRUE(news.listen(WorkloadId::none, one.fd()));
  one.shell_in("ip link del more");
  expect_told_by(kOne);
}

TEST_F(AddressNewsOfNamespaces, ForgottenNamespaceTellsNothing) {
  news.forget(kOne);
  one.shell_in("ip addr add 10.9.9.1/24 dev lo");
  two.shell_in("ip addr add 10.9.9.2/24 dev lo");
  expect_told_by(kTwo);
  EXPECT_TRUE(news.listen(kOne, one.fd()));
  one.shell_in("ip addr del 10.9.9.1/24 dev lo");
  expect_told_by(kOne);
}

// The kernel drops what does not fit; that there is news must not be dropped with it.
TEST_F(AddressNewsOfNamespaces, FloodIsStillNews) {
  one.shell_in(
      "i=0; { while [ $i -lt 1500 ]; do echo addr add 10.9.9.1/24 dev lo; echo addr del 10.9.9.1/24 dev lo; "
      "i=$((i+1)); done; } | ip -batch -");
  EXPECT_TRUE(told());
  for (int round = 0; told(0) && round < 100; ++round) EXPECT_EQ(news.take(), std::vector{kOne});
  EXPECT_FALSE(told(0));
  one.shell_in("ip addr add 10.9.9.1/24 dev lo");
  expect_told_by(kOne);
}

}  // namespace
}  // namespace sluice::agent
