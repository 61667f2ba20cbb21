#include "kernel/port_list.h"

#include <gtest/gtest.h>

namespace sluice::kernel {
namespace {

TEST(PortList, RangeAsTheKernelWritesIt) {
  EXPECT_EQ(parse_port_range("32768\t60999"), (PortRange{32768, 60999}));
  EXPECT_EQ(parse_port_range("1 65535"), (PortRange{1, 65535}));
  for (const char* bad : {"", "1", "1 ", "1-2", "9 8", "1 65536", "1 2 3", "a b"})
    EXPECT_FALSE(parse_port_range(bad)) << bad;
}

TEST(PortList, SharedPorts) {
  const PortRange range{10, 20};
  EXPECT_EQ(range.shared({1, 9}), 0U);
  EXPECT_EQ(range.shared({20, 30}), 1U);
  EXPECT_EQ(range.shared({1, 65535}), range.size());
  EXPECT_EQ((PortRange{0, 65535}).size(), 65536U);
}

TEST(PortList, ListAsTheKernelWritesIt) {
  EXPECT_TRUE(parse_port_list("")->empty());
  EXPECT_EQ(*parse_port_list("8080,9000-9100"), (std::vector<PortRange>{{8080, 8080}, {9000, 9100}}));
  for (const char* bad : {",", "1,", "1-", "-1", "2-1", "70000", "1;2", "1,,2"})
    EXPECT_FALSE(parse_port_list(bad)) << bad;
}

TEST(PortList, HoldsAllHoweverItIsCut) {
  const PortRange range{10, 20};
  EXPECT_TRUE(holds_all({{10, 20}}, range));
  EXPECT_TRUE(holds_all({{1, 65535}}, range));
  EXPECT_TRUE(holds_all({{16, 20}, {10, 12}, {13, 15}}, range));
  EXPECT_FALSE(holds_all({{10, 14}, {16, 20}}, range));
  EXPECT_FALSE(holds_all({{11, 20}}, range));
  EXPECT_FALSE(holds_all({{10, 19}}, range));
  EXPECT_FALSE(holds_all({}, range));
  EXPECT_TRUE(holds_all({{65000, 65535}}, {65535, 65535}));
}

}  // namespace
}  // namespace sluice::kernel
