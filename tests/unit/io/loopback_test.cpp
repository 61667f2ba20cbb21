// Real sockets over loopback: echo, half-close, reset, refusal, cancellation, deadlines, a storm of
// connections.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <vector>

#include "io/deadline.h"
#include "io/stream.h"
#include "kernel_ring.h"

namespace sluice::io {
namespace {

Task<> echo(Socket socket) {
  for (;;) {
    auto chunk = co_await socket.recv();
    if (!chunk || chunk->empty()) break;
    if (!co_await socket.send(chunk->bytes())) break;
  }
  static_cast<void>(co_await socket.shutdown_write());
}

Task<> echo_server(Listener* listener, Scope* connections, int count) {
  for (int i = 0; i < count; ++i) {
    auto accepted = co_await listener->accept();
    if (!accepted) break;
    connections->spawn(echo(std::move(*accepted)));
  }
}

Task<> echo_client(Ring* ring, SocketAddr at, std::string text, int* good) {
  auto socket = ring->open_socket(at);
  if (!socket || !co_await socket->connect(at)) co_return;
  EXPECT_EQ(socket->peer_address(), at);
  if (!co_await socket->send(bytes_of(text))) co_return;
  if (!co_await socket->shutdown_write()) co_return;
  auto all = co_await read_all(&*socket);
  if (all && *all == text) ++*good;
}

Task<> storm(Ring* ring, int count, int* good) {
  auto listener = ring->listen(any_port(), 4096);
  Scope scope;
  scope.spawn(echo_server(&*listener, &scope, count));
  for (int i = 0; i < count; ++i) {
    scope.spawn(echo_client(ring, listener->local_address(), "message " + std::to_string(i), good));
  }
  co_await scope.join();
}

// The kernel returns the last operations of closed sockets a turn later.
Task<> all_closed(Ring* ring) {
  for (int i = 0; i < 1000 && ring->sockets() != 0; ++i)
    static_cast<void>(co_await ring->sleep_for(Millis(1)));
  EXPECT_EQ(ring->sockets(), 0U);
}

TEST(LoopbackTest, EchoesAndHalfCloses) {
  auto ring = kernel_ring();
  int good = 0;
  run(*ring, storm(ring.get(), 1, &good));
  EXPECT_EQ(good, 1);
  run(*ring, all_closed(ring.get()));
}

TEST(LoopbackTest, SurvivesAStormOfConnections) {
  auto ring = kernel_ring();
  int good = 0;
  run(*ring, storm(ring.get(), 400, &good));
  EXPECT_EQ(good, 400);
  EXPECT_EQ(ring->stats().small_in_use, 0U);
  run(*ring, all_closed(ring.get()));
}

Task<> ipv6_echo(Ring* ring, int* good) {
  auto listener = ring->listen(*SocketAddr::parse("[::1]:0"));
  EXPECT_TRUE(listener);
  Scope scope;
  scope.spawn(echo_server(&*listener, &scope, 1));
  scope.spawn(echo_client(ring, listener->local_address(), "six", good));
  co_await scope.join();
}

TEST(LoopbackTest, SpeaksIpv6) {
  auto ring = kernel_ring();
  int good = 0;
  run(*ring, ipv6_echo(ring.get(), &good));
  EXPECT_EQ(good, 1);
}

Task<> resets(Ring* ring, Error* seen) {
  auto pair = co_await connected_pair(ring);
  EXPECT_TRUE(co_await pair.client.send(bytes_of("x")));
  auto first = co_await pair.server.recv();
  EXPECT_TRUE(first);
  pair.client.close_with_reset();
  auto chunk = co_await pair.server.recv();
  EXPECT_FALSE(chunk);
  if (!chunk) *seen = chunk.error();
}

TEST(LoopbackTest, ResetReachesTheFarEnd) {
  auto ring = kernel_ring();
  Error seen;
  run(*ring, resets(ring.get(), &seen));
  EXPECT_EQ(seen.sys_errno, ECONNRESET);
  EXPECT_EQ(seen.reason, Reason::client_reset);
  EXPECT_EQ(seen.origin, Origin::downstream);
}

Task<> stream_resets(Ring* ring, Error* near, Error* far) {
  auto pair = co_await connected_pair(ring);
  {
    SocketStream stream(std::move(pair.client));
    stream.reset(Error{Reason::permission_denied_live, Origin::policy, 0, "policy"});
    auto chunk = co_await stream.read();
    if (!chunk) *near = chunk.error();
  }
  auto chunk = co_await pair.server.recv();
  if (!chunk) *far = chunk.error();
}

TEST(LoopbackTest, StreamResetNamesItsReasonHereAndIsAResetThere) {
  auto ring = kernel_ring();
  Error near;
  Error far;
  run(*ring, stream_resets(ring.get(), &near, &far));
  EXPECT_EQ(near.reason, Reason::permission_denied_live);
  EXPECT_EQ(far.sys_errno, ECONNRESET);
}

Task<> connects_to_nobody(Ring* ring, Error* seen) {
  SocketAddr at;
  {
    auto listener = ring->listen(any_port());
    at = listener->local_address();
  }
  auto socket = ring->open_socket(at);
  auto connected = co_await socket->connect(at);
  // The listener's close may still be on its way through the ring in this turn.
  while (connected) {
    socket = ring->open_socket(at);
    connected = co_await socket->connect(at);
  }
  *seen = connected.error();
}

TEST(LoopbackTest, RefusalIsAnErrorOfTheUpstream) {
  auto ring = kernel_ring();
  Error seen;
  run(*ring, connects_to_nobody(ring.get(), &seen));
  EXPECT_EQ(seen.reason, Reason::upstream_refused);
  EXPECT_EQ(seen.sys_errno, ECONNREFUSED);
}

Task<> waits_for(Socket* socket, Result<Chunk>* out) {
  *out = co_await socket->recv();
}

Task<> cancels_one(Ring* ring, Result<Chunk>* result) {
  auto pair = co_await connected_pair(ring);
  Scope scope;
  scope.spawn(waits_for(&pair.server, result));
  scope.cancel();
  co_await scope.join();
  // The receive goes on underneath: nothing is lost for the next reader.
  EXPECT_TRUE(co_await pair.client.send(bytes_of("later")));
  auto chunk = co_await pair.server.recv();
  EXPECT_TRUE(chunk);
  if (chunk) EXPECT_EQ(text_of(*chunk), "later");
}

TEST(LoopbackTest, CancelledReceiveLosesNothing) {
  auto ring = kernel_ring();
  Result<Chunk> result;
  run(*ring, cancels_one(ring.get(), &result));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().sys_errno, ECANCELED);
}

Task<> accepts(Listener* listener, Result<Socket>* out) {
  *out = co_await listener->accept();
}

Task<> cancels_accept(Ring* ring, Result<Socket>* first, Result<Socket>* second) {
  auto listener = ring->listen(any_port());
  Scope scope;
  scope.spawn(accepts(&*listener, first));
  scope.cancel();
  co_await scope.join();
  Scope other;
  other.spawn(accepts(&*listener, second));
  listener->cancel();
  co_await other.join();
}

TEST(LoopbackTest, AcceptIsCancelledByScopeAndByListener) {
  auto ring = kernel_ring();
  Result<Socket> first;
  Result<Socket> second;
  run(*ring, cancels_accept(ring.get(), &first, &second));
  EXPECT_FALSE(first);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().reason, Reason::drained);
}

constexpr int kQueued = 400;  // more than are accepted ahead

Task<> takes_until_the_end(Listener* listener, std::vector<Socket>* taken, Error* end) {
  while (true) {
    auto accepted = co_await listener->accept();
    if (!accepted) {
      *end = accepted.error();
      co_return;
    }
    taken->push_back(std::move(*accepted));
  }
}

// Takes one connection, so that the kernel hands over many, stops, and takes what was handed over.
Task<> takes_then_stops(Listener* listener, std::vector<Socket>* taken, Error* end) {
  while (true) {
    auto accepted = co_await listener->accept();
    if (!accepted) {
      *end = accepted.error();
      co_return;
    }
    taken->push_back(std::move(*accepted));
    listener->stop();
  }
}

TEST(LoopbackTest, StoppedListenerHandsOutWhatItHasAndLeavesTheRestToOthers) {
  auto ring = kernel_ring();
  Fd shared(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ASSERT_EQ(::listen(shared.get(), kQueued), 0);
  std::vector<Fd> clients;
  sockaddr_in at{};
  socklen_t size = sizeof at;
  ASSERT_EQ(::getsockname(shared.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < kQueued; ++i) {
    clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(clients.back().get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  }
  auto listener = ring->adopt_listener(shared.duplicate());
  std::vector<Socket> taken;
  Error end;
  run(*ring, takes_then_stops(&listener, &taken, &end));
  EXPECT_EQ(end.reason, Reason::drained);
  EXPECT_EQ(end.sys_errno, ECANCELED);
  listener.close();
  int left = 0;
  ::fcntl(shared.get(), F_SETFL, O_NONBLOCK);
  std::vector<Fd> others;
  for (int fd = 0; (fd = ::accept4(shared.get(), nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ++left)
    others.emplace_back(fd);
  EXPECT_GE(taken.size(), 1U);
  EXPECT_EQ(taken.size() + static_cast<std::size_t>(left), static_cast<std::size_t>(kQueued));
  for (const Fd& client : clients) {
    char byte = 0;
    EXPECT_EQ(::recv(client.get(), &byte, 1, MSG_DONTWAIT), -1);
    EXPECT_EQ(errno, EAGAIN) << "a connection was ended";
  }
}

Task<> waits_then_stops(Ring* ring, Listener* listener, const Fd* client, const sockaddr_in* at, int* taken) {
  Scope accepting;
  std::vector<Socket> sockets;
  Error end;
  accepting.spawn(takes_until_the_end(listener, &sockets, &end));
  // Now we wait at the listener in the kernel, and are the one that the connection wakes.
  (void)co_await ring->sleep_for(Millis(20));
  EXPECT_EQ(::connect(client->get(), reinterpret_cast<const sockaddr*>(at), sizeof *at), 0);
  listener->stop();
  co_await accepting.join();
  *taken = static_cast<int>(sockets.size());
}

// Another ring waits at the same listener; the kernel does not wake it for a connection that woke this one.
TEST(LoopbackTest, StoppedListenerStrandsNoConnectionThatWokeIt) {
  for (int round = 0; round < 20; ++round) {
    auto ring = kernel_ring();
    Fd shared(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ASSERT_EQ(::listen(shared.get(), 10), 0);
    sockaddr_in at{};
    socklen_t size = sizeof at;
    ASSERT_EQ(::getsockname(shared.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto listener = ring->adopt_listener(shared.duplicate());
    const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int taken = 0;
    run(*ring, waits_then_stops(ring.get(), &listener, &client, &at, &taken));
    EXPECT_EQ(taken, 1) << "round " << round;
  }
}

Task<> times_out(Ring* ring, Result<Chunk>* result, bool* passed) {
  auto pair = co_await connected_pair(ring);
  Deadline limit(pair.server, ring->now() + Millis(20), Reason::idle_timeout);
  limit.move_to(ring->now() + Millis(5));
  *result = co_await pair.server.recv();
  *passed = limit.passed();
}

TEST(LoopbackTest, DeadlineEndsAReceiveWithItsReason) {
  auto ring = kernel_ring();
  Result<Chunk> result;
  bool passed = false;
  run(*ring, times_out(ring.get(), &result, &passed));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, Reason::idle_timeout);
  EXPECT_EQ(result.error().sys_errno, ETIMEDOUT);
  EXPECT_TRUE(passed);
}

Task<> sends(Socket* socket, std::string text, int* good) {
  if (co_await socket->send(bytes_of(text))) ++*good;
}

Task<> many_writers(Ring* ring, int* good, std::string* seen) {
  auto pair = co_await connected_pair(ring);
  Scope scope;
  for (int i = 0; i < 100; ++i) scope.spawn(sends(&pair.client, std::to_string(i) + ",", good));
  scope.spawn(sends(&pair.client, "", good));
  static_cast<void>(co_await pair.client.shutdown_write());
  auto all = co_await read_all(&pair.server);
  if (all) *seen = *all;
  co_await scope.join();
}

TEST(LoopbackTest, WritersAreJoinedInOrder) {
  auto ring = kernel_ring();
  int good = 0;
  std::string seen;
  const auto before = ring->stats().submitted;
  run(*ring, many_writers(ring.get(), &good, &seen));
  EXPECT_EQ(good, 101);
  std::string expected;
  for (int i = 0; i < 100; ++i) expected += std::to_string(i) + ",";
  EXPECT_EQ(seen, expected);
  EXPECT_LT(ring->stats().submitted - before, 60U);  // 101 writes travelled in few operations
}

Task<> bulk(Ring* ring, std::size_t size, std::size_t* received, std::uint64_t* wrong) {
  auto pair = co_await connected_pair(ring);
  std::string data(size, '\0');
  for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<char>(i * 31 >> 3);
  Scope scope;
  int good = 0;
  scope.spawn(sends(&pair.client, data, &good));
  while (*received < size) {
    auto chunk = co_await pair.server.recv();
    if (!chunk || chunk->empty()) break;
    for (const std::byte byte : chunk->bytes()) {
      if (static_cast<char>(byte) != data[(*received)++]) ++*wrong;
    }
  }
  co_await scope.join();
  EXPECT_EQ(good, 1);
}

TEST(LoopbackTest, BulkArrivesWholeThroughBothBufferClasses) {
  auto ring = kernel_ring();
  std::size_t received = 0;
  std::uint64_t wrong = 0;
  run(*ring, bulk(ring.get(), 16U << 20, &received, &wrong));
  EXPECT_EQ(received, 16U << 20);
  EXPECT_EQ(wrong, 0U);
}

Task<> reads_until_cancelled(Socket* socket) {
  (void)co_await socket->recv();
}

Task<> closes_while_it_reads_and_stops(Ring* ring) {
  {
    auto pair = co_await connected_pair(ring);
    Scope reading;
    reading.spawn(reads_until_cancelled(&pair.server));
    co_await ring->sleep_for(Millis(5));
    reading.cancel();
    co_await reading.join();
  }
  EXPECT_GT(ring->sockets(), 0U);  // the receive is still the kernel's
  ring->stop();
}

// Only the thread that ran the ring can collect the kernel's last answers; another one destroys it.
TEST(RingTest, StoppedRingHasCollectedTheSocketsThatWereClosing) {
  auto ring = kernel_ring();
  std::thread owner([&ring] {
    Scope scope;
    ring->post([&] { scope.spawn(closes_while_it_reads_and_stops(ring.get())); });
    EXPECT_TRUE(ring->run());
  });
  owner.join();
  EXPECT_EQ(ring->sockets(), 0U);
  ring.reset();
}

TEST(RingTest, PostAndStopComeFromOtherThreads) {
  auto ring = kernel_ring();
  int ran = 0;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) ring->post([&ran] { ++ran; });
    ring->post([&] { ring->stop(); });
  });
  EXPECT_TRUE(ring->run());
  other.join();
  EXPECT_EQ(ran, 1000);
}

TEST(RingTest, ReportsEveryFeatureWithItsMode) {
  auto ring = kernel_ring();
  ASSERT_TRUE(ring->run_task([]() -> Task<> { co_return; }()));
  for (const Feature& feature : ring->features()) {
    std::cout << feature.feature << ": " << feature.mode << (feature.why.empty() ? "" : " - ") << feature.why
              << '\n';
    EXPECT_FALSE(feature.mode.empty());
  }
  EXPECT_GE(ring->features().size(), 7U);
}

}  // namespace
}  // namespace sluice::io
