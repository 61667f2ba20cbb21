// What capture adds to connect(): the same handshake over lo, not enrolled, passed and captured, interleaved
// in one run. Prints medians; asserts only that nothing is absurd.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "bpf/capture/world.h"

namespace sluice::test {
namespace {

class Cost : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    if (!HasFatalFailure()) enrol();
  }

  double median_us(const SocketAddr& to, int listener) const {
    std::vector<double> samples;
    for (int i = 0; i < 2000; ++i) {
      const Fd client = pod_socket();
      const auto start = monotonic_ns();
      EXPECT_EQ(0, connect_to(client.get(), to, AF_INET));
      samples.push_back(static_cast<double>(monotonic_ns() - start) / 1000.0);
      const linger reset{1, 0};
      const Fd accepted(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
      ::setsockopt(accepted.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
    std::ranges::nth_element(samples, samples.begin() + samples.size() / 2);
    return samples[samples.size() / 2];
  }
};

TEST_F(Cost, OfConnect) {
  const Fd server = pod_listener(ip("127.0.0.1"), false);
  const auto direct = local_of(server.get());
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(programs_->maps().netns_workloads.erase(cookie_).has_value());
    const double bare = median_us(direct, server.get());
    ASSERT_TRUE(programs_->maps().netns_workloads.set(cookie_, kWorkload).has_value());
    const double passed = median_us(direct, server.get());
    const double captured = median_us({ip("127.0.0.9"), 700}, out_.get());
    fmt::print("connect() median: not enrolled {:.1f} us, passed {:.1f} us, captured {:.1f} us\n", bare,
               passed, captured);
    EXPECT_LT(captured, bare + 1000);
  }
}

}  // namespace
}  // namespace sluice::test
