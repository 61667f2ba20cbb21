#include "app/proxy_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace sluice::agent {
namespace {

using message::SectionKind;

class LinkTest : public testing::Test {
 protected:
  LinkTest() : log_("test", LogLevel::error) {
    loop_ = std::move(*Loop::make(clock_));
    link_ = std::make_unique<ProxyLink>(
        *loop_, log_, clock_,
        [this] {
          if (waiting_) loop_->stop();
        },
        [this](const message::HealthEvent& event) {
          health_.push_back(event);
          loop_->stop();
        });
  }
  // A new proxy process connects, and is the one that serves; returns its end.
  Fd connect(std::int32_t pid = 7) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    link_->attach(Fd(ends[0]), pid);
    link_->set_serving(pid);
    return Fd(ends[1]);
  }
  void run_until_change() {
    waiting_ = true;
    loop_->run();
  }
  static void accept(const Fd& proxy, const message::Section& section) {
    const message::SectionVerdict verdict{section.kind, 1, section.version, {}};
    ASSERT_TRUE(message::send_body(proxy.get(), message::Type::section_verdict, 0, verdict));
  }
  static message::Section expect_section(const Fd& proxy, SectionKind kind, std::string_view text) {
    auto packet = message::receive(proxy.get());
    EXPECT_TRUE(packet) << packet.error().message;
    auto section = message::body_of<message::Section>(*packet, 1, 1);
    EXPECT_TRUE(section);
    EXPECT_EQ(section->kind, kind);
    auto bytes = message::read_sealed(packet->fds[0].get(), section->size, 1 << 20);
    EXPECT_TRUE(bytes);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()), text);
    return *section;
  }
  static std::vector<std::byte> bytes(std::string_view text) {
    const auto raw = std::as_bytes(std::span(text));
    return {raw.begin(), raw.end()};
  }

  SystemClock clock_;
  Log log_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<ProxyLink> link_;
  bool waiting_ = false;
  std::vector<message::HealthEvent> health_;
};

TEST_F(LinkTest, NewProxyGetsEverythingCertificatesFirst) {
  link_->set(SectionKind::table, bytes("table"));
  link_->set(SectionKind::credentials, bytes("certs"));
  const auto first = connect();
  expect_section(first, SectionKind::credentials, "certs");
  const auto table = expect_section(first, SectionKind::table, "table");
  const auto second = connect();
  expect_section(second, SectionKind::credentials, "certs");
  EXPECT_EQ(expect_section(second, SectionKind::table, "table").version, table.version);
}

TEST_F(LinkTest, SameBytesAreNotSentAgainAndVersionsRise) {
  const auto version = link_->set(SectionKind::table, bytes("one"));
  EXPECT_EQ(link_->set(SectionKind::table, bytes("one")), version);
  EXPECT_GT(link_->set(SectionKind::table, bytes("two")), version);
}

TEST_F(LinkTest, RefusalIsKeptAndClearedByTheNextVersion) {
  link_->set(SectionKind::table, bytes("bad"));
  const auto proxy = connect();
  message::SectionVerdict verdict{
      SectionKind::table, 0, expect_section(proxy, SectionKind::table, "bad").version, {}};
  std::ranges::copy(std::string_view("no\x1bgood"), verdict.reason.begin());
  ASSERT_TRUE(message::send_body(proxy.get(), message::Type::section_verdict, 0, verdict));
  run_until_change();
  EXPECT_EQ(link_->section(SectionKind::table).refusal, "no?good");
  EXPECT_TRUE(link_->section(SectionKind::table).answered);
  EXPECT_EQ(link_->section(SectionKind::table).accepted, 0U);
  link_->set(SectionKind::table, bytes("good"));
  EXPECT_TRUE(link_->section(SectionKind::table).refusal.empty());
}

TEST_F(LinkTest, EveryProxyGetsASectionAndOnlyTheServingOnesAnswerCounts) {
  link_->set(SectionKind::table, bytes("one"));
  const auto earlier = connect(7);
  expect_section(earlier, SectionKind::table, "one");
  const auto successor = connect(8);
  const auto one = expect_section(successor, SectionKind::table, "one");
  link_->set_serving(7);
  accept(successor, one);
  run_until_change();
  EXPECT_FALSE(link_->section(SectionKind::table).answered) << "the one that serves has not judged it";
  link_->set_serving(8);
  EXPECT_EQ(link_->section(SectionKind::table).accepted, one.version);
  link_->set(SectionKind::table, bytes("two"));
  expect_section(earlier, SectionKind::table, "two");
  expect_section(successor, SectionKind::table, "two");
  link_->set_serving(0);
  EXPECT_FALSE(link_->connected());
}

TEST_F(LinkTest, EventsOfHealthChecksArePassedOn) {
  const auto proxy = connect();
  message::HealthEvent event;
  ASSERT_TRUE(message::put_text(event.path, "/var/log/checks"));
  ASSERT_TRUE(message::send_body(proxy.get(), message::Type::health_event, 0, event));
  loop_->run();
  ASSERT_EQ(health_.size(), 1U);
  EXPECT_STREQ(health_[0].path.data(), "/var/log/checks");
  EXPECT_TRUE(link_->connected());
}

TEST_F(LinkTest, ProxyThatTalksNonsenseIsDropped) {
  const auto proxy = connect();
  ASSERT_TRUE(message::send(proxy.get(), {message::kMagic, message::Type::add_workload, 0}, {}));
  run_until_change();
  EXPECT_FALSE(link_->connected());
}

}  // namespace
}  // namespace sluice::agent
