#include "ctl/inbound_flag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;

struct Accepted {
  const char* text;
  std::uint16_t port;
  std::uint16_t service_port;
  const char* protocol;
};

TEST(InboundFlag, TakesItsFourForms) {
  for (const auto& [text, port, service_port, protocol] :
       {Accepted{"80", 80, 0, ""}, Accepted{"80:8080", 80, 8080, ""}, Accepted{"80/http", 80, 0, "http"},
        Accepted{"80:8080/http", 80, 8080, "http"}, Accepted{"1:65535/tcp", 1, 65535, "tcp"}}) {
    const auto parsed = parse_inbound(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->port, port) << text;
    EXPECT_EQ(parsed->service_port, service_port) << text;
    EXPECT_EQ(parsed->protocol, protocol) << text;
  }
}

TEST(InboundFlag, RefusesTheRestAndSaysWhatItWants) {
  for (const char* text : {"", "0", "65536", "-1", "+1", " 80", "80 ", "0x50", "http", "80:", ":80", "80:0",
                           "80:65536", "80:81:82", "80/", "/http", "80:/http", ":", "/"}) {
    const auto parsed = parse_inbound(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().message, HasSubstr("PORT[:SERVICEPORT][/PROTO]"));
    EXPECT_THAT(parsed.error().message, HasSubstr("'" + std::string(text) + "'"));
    EXPECT_FALSE(parsed.error().next_step.empty());
  }
}

}  // namespace
}  // namespace sluice::ctl
