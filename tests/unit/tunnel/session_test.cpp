#include "tunnel/session.h"

#include "tests/unit/tunnel/session_pair.h"

namespace sluice::tunnel {
namespace {

using Kind = Event::Kind;

TEST(TunnelSession, CarriesAConnectionBothWaysAndHalfCloses) {
  SessionPair pair;
  const auto id = pair.client.open(request_of("[fd00::2]:5432", "[fd00::1]:9"));
  ASSERT_TRUE(id);
  EXPECT_EQ(pair.client.write(*id, bytes_of("hello")), 5u);  // before the answer
  pair.client.finish(*id);
  pair.settle();
  const auto opened = SessionPair::next(pair.server, Kind::opened);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->request.destination.text(), "[fd00::2]:5432");
  EXPECT_EQ(opened->request.client.text(), "[fd00::1]:9");
  EXPECT_EQ(SessionPair::read_all(pair.server, opened->stream), "hello");
  EXPECT_TRUE(pair.server.ended(opened->stream));
  pair.server.answer(opened->stream);
  pair.settle();
  EXPECT_TRUE(SessionPair::next(pair.client, Kind::answered));
  EXPECT_FALSE(pair.client.ended(*id));
  pair.server.write(opened->stream, bytes_of("world"));
  pair.server.finish(opened->stream);
  pair.settle();
  EXPECT_EQ(SessionPair::read_all(pair.client, *id), "world");
  EXPECT_TRUE(pair.client.ended(*id));
  EXPECT_FALSE(pair.client.failed(*id));
  pair.client.release(*id);
  pair.server.release(opened->stream);
  EXPECT_EQ(pair.client.streams(), 0u);
  EXPECT_EQ(pair.server.streams(), 0u);
}

TEST(TunnelSession, SlowReaderDoesNotStallItsNeighbour) {
  SessionPair pair;
  const auto slow = *pair.client.open(request_of());
  const auto fast = *pair.client.open(request_of());
  const std::string block(64 * 1024, 'x');
  std::size_t slow_sent = 0;
  std::size_t fast_sent = 0;
  std::size_t fast_read = 0;
  for (int round = 0; round < 600; ++round) {
    slow_sent += pair.client.write(slow, bytes_of(block));
    fast_sent += pair.client.write(fast, bytes_of(block));
    pair.settle();
    fast_read += SessionPair::read_all(pair.server, fast).size();
    pair.settle();
  }
  // Far more than the connection's window went by the reader that stopped.
  EXPECT_GT(fast_read, std::size_t{32} * 1024 * 1024);
  EXPECT_EQ(fast_read, fast_sent);
  const SessionLimits limits;
  EXPECT_EQ(slow_sent, limits.stream_window + limits.send_buffer);
  EXPECT_EQ(SessionPair::read_all(pair.server, slow).size(), limits.stream_window);
  pair.settle();  // the window opens again
  EXPECT_EQ(SessionPair::read_all(pair.server, slow).size(), limits.send_buffer);
}

TEST(TunnelSession, WritableFollowsAShortWrite) {
  SessionPair pair;
  const auto id = *pair.client.open(request_of());
  const std::string much(1 << 20, 'x');
  EXPECT_LT(pair.client.write(id, bytes_of(much)), much.size());
  pair.settle();
  EXPECT_TRUE(SessionPair::next(pair.client, Kind::writable));
}

TEST(TunnelSession, ResetCarriesTheReason) {
  SessionPair pair;
  for (const auto reason : {Reason::permission_denied, Reason::upstream_refused, Reason::connect_timeout}) {
    const auto id = *pair.client.open(request_of());
    pair.settle();
    pair.server.reset(id, Error{reason});
    pair.settle();
    const auto failed = SessionPair::next(pair.client, Kind::failed);
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->stream, id);
    EXPECT_EQ(failed->error.reason, reason);
    EXPECT_TRUE(pair.client.failed(id));
    EXPECT_EQ(pair.client.write(id, bytes_of("x")), 0u);
  }
  const auto id = *pair.client.open(request_of());
  pair.settle();
  pair.client.reset(id, Error{Reason::permission_denied});  // not the client's to say
  pair.settle();
  EXPECT_EQ(SessionPair::next(pair.server, Kind::failed)->error.reason, Reason::client_reset);
}

TEST(TunnelSession, ReleaseSendsWhatWasFinishedAndCancelsTheRest) {
  SessionPair pair;
  const auto finished = *pair.client.open(request_of());
  pair.client.write(finished, bytes_of("last words"));
  pair.client.finish(finished);
  pair.client.release(finished);
  const auto dropped = *pair.client.open(request_of());
  pair.client.release(dropped);
  pair.settle();
  EXPECT_EQ(pair.client.streams(), 0u);
  bool saw_failed = false;
  while (const auto event = pair.server.next_event()) saw_failed |= event->kind == Kind::failed;
  EXPECT_TRUE(saw_failed);
}

TEST(TunnelSession, DrainLetsOpenStreamsEnd) {
  SessionPair pair;
  const auto id = *pair.client.open(request_of());
  pair.settle();
  pair.server.drain();
  pair.settle();
  EXPECT_TRUE(pair.client.draining());
  const auto refused = pair.client.open(request_of());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::tunnel_lost);
  pair.client.write(id, bytes_of("still works"));
  pair.client.finish(id);
  pair.server.finish(id);
  pair.settle();
  EXPECT_EQ(SessionPair::read_all(pair.server, id), "still works");
  EXPECT_TRUE(pair.server.closed());
  EXPECT_TRUE(pair.client.closed());
}

TEST(TunnelSession, StreamsAreLimited) {
  SessionPair pair({.streams_max = 3});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pair.client.open(request_of()));
  const auto fourth = pair.client.open(request_of());
  ASSERT_FALSE(fourth);
  EXPECT_EQ(fourth.error().reason, Reason::limit_connections);
  pair.settle();
  EXPECT_EQ(pair.server.streams(), 3u);
}

TEST(TunnelSession, PeerThatVanishesLeavesNothingHalfRead) {
  SessionPair pair;
  const auto id = *pair.client.open(request_of());
  pair.client.write(id, bytes_of("abc"));
  pair.settle();
  pair.client.reset(id, Error{});
  pair.settle();
  EXPECT_TRUE(pair.server.failed(id));
  EXPECT_TRUE(pair.server.read(id, 100).empty());
  pair.server.release(id);
  EXPECT_EQ(pair.server.streams(), 0u);
}

}  // namespace
}  // namespace sluice::tunnel
