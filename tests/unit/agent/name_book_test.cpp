#include "names/name_book.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>

#include "names/name_file.h"

namespace sluice::agent {
namespace {

using namespace std::chrono_literals;
using Kind = NameAnswer::Kind;
using Addresses = std::vector<IpAddr>;

Addresses addresses(const std::vector<std::string>& list) {
  Addresses out;
  for (const auto& one : list) out.push_back(*IpAddr::parse(one));
  return out;
}

// A resolver that a test plays, and the ear for what the book has to say.
class Resolver {
 public:
  NameAnswers answer(const std::vector<std::string>& names) {
    const std::lock_guard lock(mutex_);
    NameAnswers out;
    most_at_once_ = std::max(most_at_once_, names.size());
    for (const auto& name : names) {
      ++asked_[name];
      out[name] = answers_[name];
    }
    news_.notify_all();
    return out;
  }
  void say(const std::string& name, const std::vector<std::string>& list, Nanos ttl = 1ms) {
    const std::lock_guard lock(mutex_);
    answers_[name] = {Kind::found, addresses(list), ttl};
  }
  void say(const std::string& name, Kind kind) {
    const std::lock_guard lock(mutex_);
    answers_[name] = {kind, {}, {}, "as the test says"};
  }
  void hear() {
    const std::lock_guard lock(mutex_);
    ++told_;
    news_.notify_all();
  }
  // False: it did not come to pass within a minute.
  bool wait_for_news(int times) {
    std::unique_lock lock(mutex_);
    return news_.wait_for(lock, 1min, [&] { return told_ >= times; });
  }
  bool wait_for_questions(const std::string& name, int times) {
    std::unique_lock lock(mutex_);
    return news_.wait_for(lock, 1min, [&] { return asked_[name] >= times; });
  }
  int asked(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return asked_[name];
  }
  std::size_t most_at_once() {
    const std::lock_guard lock(mutex_);
    return most_at_once_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable news_;
  NameAnswers answers_;
  std::map<std::string, int> asked_;
  std::size_t most_at_once_ = 0;
  int told_ = 0;
};

constexpr NameRules kQuick{.ttl_min = 1ms, .ttl_max = 20ms, .again = 1ms, .keep_gone = 1h, .keep_silent = 1h};

struct Book {
  explicit Book(const NameRules& rules = kQuick)
      : book([this](const std::vector<std::string>& names,
                    const std::stop_token&) { return resolver.answer(names); },
             rules, [this] { resolver.hear(); }) {}
  Addresses of(const std::string& name) { return book.known()[name]; }
  NameBook::State state(const std::string& name) { return book.states()[name]; }

  Resolver resolver;
  NameBook book;
};

TEST(NameBook, FollowsWhatTheResolverSays) {
  Book b;
  b.resolver.say("a.example", {"192.0.2.9", "192.0.2.1", "192.0.2.1"});
  b.resolver.say("b.example", Kind::none);
  b.book.want({"a.example", "b.example"});
  ASSERT_TRUE(b.resolver.wait_for_news(1));
  EXPECT_EQ(b.book.known().size(), 1U) << "b.example has none";
  EXPECT_EQ(b.of("a.example"), addresses({"192.0.2.1", "192.0.2.9"}));
  EXPECT_EQ(b.state("a.example").kind, NameBook::State::Kind::fresh);
  b.resolver.say("a.example", {"192.0.2.2"});
  ASSERT_TRUE(b.resolver.wait_for_news(2));
  EXPECT_EQ(b.of("a.example"), addresses({"192.0.2.2"}));
  b.book.want({"b.example"});
  EXPECT_TRUE(b.of("a.example").empty());
}

TEST(NameBook, AsksAgainWhenTheTimeToLiveIsOverWithinBounds) {
  Book b({.ttl_min = 1ms, .ttl_max = 1h, .again = 1h});
  b.resolver.say("long.example", {"192.0.2.1"}, 30min);
  b.resolver.say("none.example", {"192.0.2.2"}, 0ms);
  b.book.want({"long.example", "none.example"});
  ASSERT_TRUE(b.resolver.wait_for_questions("none.example", 20)) << "at the lower bound";
  EXPECT_EQ(b.resolver.asked("long.example"), 1);
  Book upper(kQuick);
  upper.resolver.say("long.example", {"192.0.2.1"}, std::chrono::days(30));
  upper.book.want({"long.example"});
  EXPECT_TRUE(upper.resolver.wait_for_questions("long.example", 3)) << "at the upper bound";
  Book lower({.ttl_min = 1h, .ttl_max = 1h});
  lower.resolver.say("short.example", {"192.0.2.1"}, 1ms);
  lower.resolver.say("later.example", {"192.0.2.1"}, 1ms);
  lower.book.want({"short.example"});
  ASSERT_TRUE(lower.resolver.wait_for_news(1));
  lower.book.want({"short.example", "later.example"});
  ASSERT_TRUE(lower.resolver.wait_for_questions("later.example", 1));
  EXPECT_EQ(lower.resolver.asked("short.example"), 1);
}

TEST(NameBook, KeepsTheLastAnswerWhenThereIsNone) {
  for (const auto kind : {Kind::none, Kind::failed}) {
    Book b;
    b.resolver.say("a.example", {"192.0.2.1"});
    b.book.want({"a.example"});
    ASSERT_TRUE(b.resolver.wait_for_news(1));
    b.resolver.say("a.example", kind);
    ASSERT_TRUE(b.resolver.wait_for_questions("a.example", b.resolver.asked("a.example") + 3));
    EXPECT_EQ(b.of("a.example"), addresses({"192.0.2.1"}));
    EXPECT_EQ(b.state("a.example").kind, NameBook::State::Kind::kept);
    EXPECT_EQ(b.state("a.example").why, "as the test says");
    EXPECT_EQ(b.book.counts().kept, 1U);
    b.resolver.say("a.example", {"192.0.2.1"});
    ASSERT_TRUE(b.resolver.wait_for_questions("a.example", b.resolver.asked("a.example") + 3));
    EXPECT_EQ(b.state("a.example").kind, NameBook::State::Kind::fresh);
  }
}

TEST(NameBook, ButNotForEver) {
  auto rules = kQuick;
  rules.keep_gone = 5ms;
  Book gone(rules);
  gone.resolver.say("a.example", {"192.0.2.1"});
  gone.book.want({"a.example"});
  ASSERT_TRUE(gone.resolver.wait_for_news(1));
  gone.resolver.say("a.example", Kind::failed);
  ASSERT_TRUE(gone.resolver.wait_for_questions("a.example", gone.resolver.asked("a.example") + 10));
  EXPECT_FALSE(gone.of("a.example").empty()) << "nobody said that it has none";
  gone.resolver.say("a.example", Kind::none);
  ASSERT_TRUE(gone.resolver.wait_for_news(2));
  EXPECT_TRUE(gone.of("a.example").empty());
  EXPECT_EQ(gone.state("a.example").kind, NameBook::State::Kind::unknown);
  rules = kQuick;
  rules.keep_silent = 5ms;
  Book silent(rules);
  silent.resolver.say("a.example", {"192.0.2.1"});
  silent.book.want({"a.example"});
  ASSERT_TRUE(silent.resolver.wait_for_news(1));
  silent.resolver.say("a.example", Kind::failed);
  ASSERT_TRUE(silent.resolver.wait_for_news(2));
  EXPECT_TRUE(silent.of("a.example").empty());
}

TEST(NameBook, LeavesOutWhatLeadsBackToTheNode) {
  Book b;
  b.resolver.say("a.example", {"127.0.0.1", "::1", "0.0.0.0", "0.1.2.3", "::", "169.254.169.254", "fe80::1",
                               "224.0.0.1", "255.255.255.255", "ff02::1", "::ffff:127.0.0.1", "192.0.2.1"});
  b.resolver.say("b.example", {"127.0.0.1"});
  b.book.want({"a.example", "b.example"});
  ASSERT_TRUE(b.resolver.wait_for_news(1));
  EXPECT_EQ(b.of("a.example"), addresses({"192.0.2.1"}));
  EXPECT_TRUE(b.of("b.example").empty());
  EXPECT_EQ(b.state("b.example").why, "none of its addresses lies outside the node");
}

TEST(NameBook, IsBounded) {
  Book b;
  std::vector<std::string> many;
  for (int i = 0; i < 200; ++i) many.push_back("192.0.2." + std::to_string(i));
  b.resolver.say("n0000", many);
  policy::HostNames names;
  for (int i = 0; i < 3000; ++i) names.insert("n" + std::to_string(10'000 + i).substr(1));
  b.book.want(names);
  ASSERT_TRUE(b.resolver.wait_for_news(1));
  ASSERT_TRUE(b.resolver.wait_for_questions("n1023", 1));
  EXPECT_EQ(b.of("n0000").size(), NameBook::kAddressesMax);
  EXPECT_EQ(b.resolver.asked("n1024"), 0);
  EXPECT_LE(b.resolver.most_at_once(), NameBook::kAtOnce);
}

TEST(NameBook, BeginsWithWhatItKnewBefore) {
  std::string home = testing::TempDir() + "namesXXXXXX";
  ASSERT_NE(::mkdtemp(home.data()), nullptr);
  const std::string path = home + "/names";
  EXPECT_TRUE(read_names(path).empty());
  const policy::HostAddresses before{{"a.example", addresses({"192.0.2.1", "2001:db8::1"})},
                                     {"b.example", addresses({"192.0.2.2"})}};
  ASSERT_TRUE(write_names(path, before));
  EXPECT_EQ(read_names(path), before);
  Book b;
  b.resolver.say("a.example", Kind::failed);
  b.book.remember(read_names(path));
  EXPECT_EQ(b.book.known(), before) << "the first compilation comes before anybody is asked";
  b.book.want({"a.example"});
  EXPECT_EQ(b.of("a.example"), before.at("a.example"));
  ASSERT_TRUE(b.resolver.wait_for_questions("a.example", 3));
  EXPECT_EQ(b.state("a.example").kind, NameBook::State::Kind::kept);
  std::ofstream(path) << "a.example 192.0.2.1 no-address\n\nc.example\nd.example x\n";
  EXPECT_EQ(read_names(path), (policy::HostAddresses{{"a.example", addresses({"192.0.2.1"})}}));
  std::filesystem::remove_all(home);
}

}  // namespace
}  // namespace sluice::agent
