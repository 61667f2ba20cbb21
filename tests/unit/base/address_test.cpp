#include "base/address.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/reason.h"

namespace sluice {
namespace {

TEST(Address, FourAndSixShareOneForm) {
  const auto v4 = SocketAddr::parse("10.1.2.3:80");
  ASSERT_TRUE(v4);
  EXPECT_TRUE(v4->ip.is_v4());
  EXPECT_EQ(v4->text(), "10.1.2.3:80");
  const auto v6 = SocketAddr::parse("[fd00::1]:443");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->text(), "[fd00::1]:443");
  EXPECT_EQ(IpAddr::parse("::ffff:10.1.2.3"), v4->ip);
}

TEST(Address, RefusesWhatIsNotAnAddress) {
  for (const char* bad :
       {"", "10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "fd00::1:80", "[fd00::1", "a:1", "1.2.3:4"})
    EXPECT_FALSE(SocketAddr::parse(bad)) << bad;
}

TEST(Prefix, ContainsByBits) {
  const auto prefix = Prefix::parse("10.8.0.0/13");
  ASSERT_TRUE(prefix);
  EXPECT_TRUE(prefix->contains(*IpAddr::parse("10.15.255.255")));
  EXPECT_FALSE(prefix->contains(*IpAddr::parse("10.16.0.0")));
  EXPECT_EQ(Prefix::parse("10.9.1.1/13")->text(), "10.8.0.0/13");
  EXPECT_FALSE(Prefix::parse("10.0.0.0/33"));
  EXPECT_EQ(Prefix::parse("fd00::/8")->text(), "fd00::/8");
}

TEST(Reason, NumbersFromOutsideAreChecked) {
  EXPECT_EQ(reason_from_number(0), Reason::none);
  EXPECT_FALSE(reason_from_number(static_cast<std::uint32_t>(reason_count())));
  EXPECT_EQ(reason_info(Reason::plaintext_refused).word, "plaintext_refused");
}

// Whoever is refused at night must not read that there is nothing to do.
TEST(Reason, EveryRefusalAndFailureSaysWhatToDo) {
  std::size_t judged = 0;
  for (std::uint32_t i = 0; i < reason_count(); ++i) {
    const auto& info = reason_info(static_cast<Reason>(i));
    if (info.kind != ReasonClass::deny && info.kind != ReasonClass::fail) continue;
    ++judged;
    EXPECT_GT(info.next_step.size(), 10U) << info.word;
  }
  EXPECT_GT(judged, 40U);
}

TEST(Bytes, ForgedCountReservesNothing) {
  ByteWriter out;
  out.number(std::uint32_t{0xffffffff});
  ByteReader in(out.bytes());
  EXPECT_EQ(in.count(8, 1u << 31), 0u);
  EXPECT_TRUE(in.failed());
}

}  // namespace
}  // namespace sluice
