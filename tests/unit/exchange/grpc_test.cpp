// grpc-timeout and the proxy's own answers to gRPC.
#include "exchange/grpc.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

namespace sluice::exchange {
namespace {

using namespace std::chrono_literals;

class OneField final : public policy::HeaderFields {
 public:
  explicit OneField(std::string_view value) : value_(value) {}
  std::optional<std::string_view> find(std::string_view name) const override {
    return name == "content-type" ? std::optional(value_) : std::nullopt;
  }

 private:
  std::string_view value_;
};

TEST(GrpcTimeout, IsReadInEveryUnit) {
  EXPECT_EQ(read_grpc_timeout("2H"), Nanos(2h));
  EXPECT_EQ(read_grpc_timeout("3M"), Nanos(3min));
  EXPECT_EQ(read_grpc_timeout("4S"), Nanos(4s));
  EXPECT_EQ(read_grpc_timeout("5m"), Nanos(5ms));
  EXPECT_EQ(read_grpc_timeout("6u"), Nanos(6us));
  EXPECT_EQ(read_grpc_timeout("7n"), Nanos(7));
  EXPECT_EQ(read_grpc_timeout("0S"), Nanos(0));
  EXPECT_EQ(read_grpc_timeout("99999999H"), Nanos(24h * 365)) << "what no clock holds is a year";
}

TEST(GrpcTimeout, AnythingElseIsNone) {
  for (const char* text :
       {"", "S", "5", "5s", "-5S", "+5S", " 5S", "5S ", "5 S", "1.5S", "123456789S", "0x5S"})
    EXPECT_EQ(read_grpc_timeout(text), std::nullopt) << text;
}

TEST(GrpcTimeout, IsWrittenInTheFinestUnitThatFits) {
  EXPECT_EQ(write_grpc_timeout(Nanos(99'999'999)), "99999999n");
  EXPECT_EQ(write_grpc_timeout(Nanos(100'000'000)), "100000u");
  EXPECT_EQ(write_grpc_timeout(Nanos(15s)), "15000000u");
  EXPECT_EQ(write_grpc_timeout(Nanos(1h)), "3600000m");
  EXPECT_EQ(write_grpc_timeout(Nanos(-5)), "0n");
}

TEST(GrpcTimeout, NeverGrowsByBeingPassedOn) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    const Nanos timeout(static_cast<std::int64_t>(random() >> (random() % 60 + 2)));
    const auto back = read_grpc_timeout(write_grpc_timeout(timeout));
    ASSERT_TRUE(back);
    EXPECT_LE(*back, timeout);
    EXPECT_GE(*back, std::min(timeout, Nanos(24h * 365)) / 1000 * 999 - 1ms);
  }
}

TEST(Grpc, IsToldByTheContentType) {
  EXPECT_TRUE(is_grpc(OneField("application/grpc")));
  EXPECT_TRUE(is_grpc(OneField("application/grpc+proto")));
  EXPECT_TRUE(is_grpc(OneField("application/grpc;charset=x")));
  EXPECT_FALSE(is_grpc(OneField("application/grpc-web")));
  EXPECT_FALSE(is_grpc(OneField("application/json")));
}

TEST(Grpc, AMessageIsPercentEncoded) {
  EXPECT_EQ(grpc_fields(14, "100% \r\nx: y\n"),
            "content-type: application/grpc\r\ngrpc-status: 14\r\ngrpc-message: 100%25 %0D%0Ax: y\r\n");
}

}  // namespace
}  // namespace sluice::exchange
