// The same traffic through every mode that a kernel may force on us.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <vector>

#include "kernel_ring.h"

namespace sluice::io {
namespace {

struct Mode {
  const char* name;
  UringOptions options;
};

class FallbackTest : public testing::TestWithParam<Mode> {};

Task<> serve_one(Socket* socket) {
  auto all = co_await read_all(socket);
  EXPECT_TRUE(all);
  if (all) EXPECT_TRUE(co_await socket->send(bytes_of(*all)));
  EXPECT_TRUE(co_await socket->shutdown_write());
}

Task<> exchange(Ring* ring, std::size_t size, bool* same) {
  auto pair = co_await connected_pair(ring);
  EXPECT_NE(pair.server.peer_address().port, 0);
  EXPECT_EQ(pair.server.peer_address(), pair.client.local_address());
  EXPECT_EQ(pair.server.local_address(), pair.client.peer_address());
  const std::string data(size, 'd');
  Scope scope;
  scope.spawn(serve_one(&pair.server));
  EXPECT_TRUE(co_await pair.client.send(bytes_of(data)));
  EXPECT_TRUE(co_await pair.client.shutdown_write());
  auto all = co_await read_all(&pair.client);
  *same = all && *all == data;
  co_await scope.join();
}

Task<> reset_after_byte(Ring* ring, int* sys_errno) {
  auto pair = co_await connected_pair(ring);
  EXPECT_TRUE(co_await pair.server.send(bytes_of("x")));
  auto chunk = co_await pair.client.recv();
  EXPECT_TRUE(chunk);
  pair.server.close_with_reset();
  auto rest = co_await pair.client.recv();
  *sys_errno = rest ? 0 : rest.error().sys_errno;
}

Task<> receives(Socket* socket) {
  static_cast<void>(co_await socket->recv());
}

Task<> cancel_armed(Ring* ring) {
  auto pair = co_await connected_pair(ring);
  Scope scope;
  scope.spawn(receives(&pair.client));
  scope.spawn(receives(&pair.server));
  static_cast<void>(co_await ring->sleep_for(Millis(2)));
  scope.cancel();
  co_await scope.join();
}

TEST_P(FallbackTest, CarriesTraffic) {
  auto ring = kernel_ring(GetParam().options);
  for (const std::size_t size : {std::size_t{1}, std::size_t{100'000}, std::size_t{3'000'000}}) {
    bool same = false;
    run(*ring, exchange(ring.get(), size, &same));
    EXPECT_TRUE(same) << size;
  }
  int sys_errno = 0;
  run(*ring, reset_after_byte(ring.get(), &sys_errno));
  EXPECT_EQ(sys_errno, ECONNRESET);
  run(*ring, cancel_armed(ring.get()));
}

INSTANTIATE_TEST_SUITE_P(Modes, FallbackTest,
                         testing::Values(Mode{"Best", {}},
                                         Mode{"NoDeferredTaskWork", {.allow_deferred = false}},
                                         Mode{"NoMultishot", {.allow_multishot = false}},
                                         Mode{"NoProvidedBuffers", {.allow_provided_buffers = false}},
                                         Mode{"Unrestricted", {.restrict = false}},
                                         Mode{"DirectSockets", {.direct_sockets = 64, .direct_from = 0}},
                                         Mode{"DirectSocketsFull", {.direct_sockets = 1, .direct_from = 0}},
                                         Mode{"NoDirectSockets", {.direct_sockets = 0}},
                                         Mode{"TinyQueues", {.submissions = 4, .completions = 8}}),
                         [](const auto& each) { return each.param.name; });

TEST(FallbackReportTest, NamesWhatIsMissingAndWhy) {
  auto ring = kernel_ring({.allow_deferred = false, .allow_multishot = false});
  bool task_work = false;
  bool receive = false;
  for (const Feature& feature : ring->features()) {
    if (feature.feature == "task work")
      task_work = !feature.mode.starts_with("deferred") && !feature.why.empty();
    if (feature.feature == "receive") receive = feature.mode == "single" && !feature.why.empty();
  }
  EXPECT_TRUE(task_work);
  EXPECT_TRUE(receive);
}

// Lowers this process's descriptor limit while it lives.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t limit) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit lowered{limit, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &lowered);
  }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit before_{};
};

Task<> holds_pairs(Ring* ring, std::size_t count, std::size_t* working) {
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < count; ++i) pairs.push_back(co_await connected_pair(ring));
  for (auto& pair : pairs) {
    if (!co_await pair.client.send(bytes_of("x"))) continue;
    auto chunk = co_await pair.server.recv();
    if (chunk && chunk->size() == 1) ++*working;
  }
}

TEST(DirectSocketTest, ConnectionsNeedNoDescriptors) {
  const DescriptorLimit limit(128);
  auto ring = kernel_ring({.direct_sockets = 1 << 20});
  std::size_t working = 0;
  run(*ring, holds_pairs(ring.get(), 60, &working));  // 120 sockets
  EXPECT_EQ(working, 60U);
  working = 0;
  run(*ring, holds_pairs(ring.get(), 60, &working));  // slots are used again
  EXPECT_EQ(working, 60U);
}

Task<> adopts_nonblocking(Ring* ring, int* good) {
  auto listener = ring->listen(any_port());
  const SocketAddr at = listener->local_address();
  Socket client = ring->adopt(Fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)));
  Socket server;
  Scope scope;
  scope.spawn(accept_into(&*listener, &server));
  if (co_await client.connect(at)) ++*good;
  co_await scope.join();
  scope.spawn(receives(&client));
  static_cast<void>(co_await ring->sleep_for(Millis(1)));
  EXPECT_EQ(scope.live(), 1U);  // it waits, instead of spinning on EAGAIN
  if (co_await server.send(bytes_of("x"))) ++*good;
  co_await scope.join();
}

TEST(AdoptTest, ANonBlockingSocketWaitsAllTheSame) {
  auto ring = kernel_ring();
  int good = 0;
  run(*ring, adopts_nonblocking(ring.get(), &good));
  EXPECT_EQ(good, 2);
}

}  // namespace
}  // namespace sluice::io
