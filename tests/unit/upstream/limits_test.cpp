#include "upstream/limits.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::upstream {
namespace {

TEST(Limits, EachKindHasItsOwnPlacesAndGivesThemBack) {
  const auto limits = std::make_shared<Limits>(
      policy::ConnectionLimits{.connections = 2, .pools = 1, .pending = 3, .requests = 1, .retries = 1});
  for (const auto& [kind, most] :
       {std::pair{Limited::connections, 2}, std::pair{Limited::pools, 1}, std::pair{Limited::pending, 3},
        std::pair{Limited::requests, 1}, std::pair{Limited::retries, 1}}) {
    std::vector<Ticket> held;
    for (int i = 0; i < most; ++i) {
      auto ticket = limits->take(kind);
      ASSERT_TRUE(ticket.has_value());
      held.push_back(std::move(*ticket));
    }
    EXPECT_FALSE(limits->take(kind).has_value());
    EXPECT_EQ(limits->left(kind), 0U);
    EXPECT_EQ(limits->refused(kind), 1U);
    held.pop_back();
    EXPECT_EQ(limits->left(kind), 1U);
    EXPECT_TRUE(limits->take(kind).has_value());
    EXPECT_EQ(limits->in_use(kind), static_cast<std::uint32_t>(most - 1));
  }
}

TEST(Limits, ATicketThatMovedCountsOnce) {
  const auto limits = std::make_shared<Limits>(policy::ConnectionLimits{.requests = 2});
  Ticket first = *limits->take(Limited::requests);
  Ticket second = *limits->take(Limited::requests);
  first = std::move(second);
  EXPECT_EQ(limits->in_use(Limited::requests), 1U);
  EXPECT_TRUE(first);
  EXPECT_FALSE(second);  // what a move leaves is defined here
  first.give_back();
  first.give_back();
  EXPECT_EQ(limits->in_use(Limited::requests), 0U);
}

TEST(Limits, ATicketKeepsTheLimitsAlive) {
  auto limits = std::make_shared<Limits>(policy::ConnectionLimits{.connections = 1});
  const std::weak_ptr<Limits> watch = limits;
  {
    const Ticket ticket = *limits->take(Limited::connections);
    limits.reset();
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

TEST(Limits, WithoutALimitOnlyRetriesAreBounded) {
  const auto limits = std::make_shared<Limits>(policy::ConnectionLimits{});
  std::vector<Ticket> requests;
  for (int i = 0; i < 100; ++i) requests.push_back(*limits->take(Limited::requests));
  EXPECT_EQ(limits->left(Limited::requests), std::nullopt);
  // The budget: a fifth of what is in flight.
  std::vector<Ticket> retries;
  while (auto ticket = limits->take(Limited::retries)) retries.push_back(std::move(*ticket));
  EXPECT_EQ(retries.size(), 20U);
  requests.clear();
  retries.clear();
  while (auto ticket = limits->take(Limited::retries)) retries.push_back(std::move(*ticket));
  EXPECT_EQ(retries.size(), 3U);
}

}  // namespace
}  // namespace sluice::upstream
