#include "tunnel/session.h"

#include "tests/support/heap.h"
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

// Sessions of one thread put their frames together in the same memory: cut off anywhere, none spoils
// another's.
TEST(TunnelSession, SessionsTakeTurnsInTheSharedFrameBuffer) {
  SessionPair pairs[2];
  const std::string texts[2] = {std::string(50'000, 'a'), std::string(50'000, 'b')};
  StreamId ids[2] = {};
  for (int i = 0; i < 2; ++i) {
    ids[i] = *pairs[i].client.open(request_of());
    EXPECT_EQ(pairs[i].client.write(ids[i], bytes_of(texts[i])), texts[i].size());
    pairs[i].client.finish(ids[i]);
  }
  for (bool moved = true; moved;) {
    moved = false;
    for (auto& pair : pairs) {
      const auto some = pair.client.take_output(1);
      moved |= !some.empty();
      ASSERT_TRUE(pair.server.feed(some, pair.now));
    }
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(SessionPair::next(pairs[i].server, Kind::opened));
    EXPECT_EQ(SessionPair::read_all(pairs[i].server, ids[i]), texts[i]);
    EXPECT_TRUE(pairs[i].server.ended(ids[i]));
  }
}

TEST(TunnelSession, IdleSessionHoldsNoFrameBuffer) {
  constexpr std::size_t kPairs = 32;
  std::vector<std::unique_ptr<SessionPair>> pairs;
  const auto before = test::heap_in_use();
  for (std::size_t i = 0; i < kPairs; ++i) pairs.push_back(std::make_unique<SessionPair>());
  EXPECT_LT((test::heap_in_use() - before) / (2 * kPairs), 14u * 1024);
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

// How much write() takes of a stream whose far end does not read any more.
std::size_t taken_of_stalled(SessionPair& pair, StreamId id) {
  const std::string block(64 * 1024, 'x');
  std::size_t sent = 0;
  for (std::size_t taken = 1; taken != 0; sent += taken) {
    taken = pair.client.write(id, bytes_of(block));
    pair.settle();
  }
  return sent;
}

TEST(TunnelSession, BulkHasALargerBufferOnlyAmongFew) {
  const SessionLimits limits;
  SessionPair pair;
  const auto send_bulk = [&pair, &limits](StreamId id) {
    for (std::size_t sent = 0; sent < limits.bulk_after; pair.settle()) {
      sent += pair.client.write(id, bytes_of(std::string(64 * 1024, 'x')));
      pair.settle();
      SessionPair::read_all(pair.server, id);
    }
  };
  std::vector<StreamId> ids;
  for (std::uint32_t i = 0; i < limits.bulk_streams; ++i) ids.push_back(*pair.client.open(request_of()));
  pair.settle();
  for (const auto id : ids) send_bulk(id);
  EXPECT_EQ(taken_of_stalled(pair, ids[0]), limits.stream_window + limits.bulk_buffer);
  const auto another = *pair.client.open(request_of());
  pair.settle();
  EXPECT_EQ(taken_of_stalled(pair, ids[1]), limits.stream_window + limits.send_buffer);
  send_bulk(another);
  EXPECT_EQ(taken_of_stalled(pair, another), limits.stream_window + limits.send_buffer);
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

// An answer that was followed by a reset of the application's is an answer all the same.
TEST(TunnelSession, AResetOfTheApplicationOvertakesNothing) {
  SessionPair pair;
  const auto id = *pair.client.open(request_of());
  pair.settle();
  pair.server.write(id, bytes_of("the answer"));
  pair.server.reset(id, Error{Reason::upstream_reset});
  pair.server.release(id);
  pair.settle();
  EXPECT_EQ(SessionPair::next(pair.client, Kind::failed)->error.reason, Reason::upstream_reset);
  EXPECT_EQ(SessionPair::read_all(pair.client, id), "the answer");
  pair.client.release(id);
  EXPECT_EQ(pair.client.streams(), 0u);
  EXPECT_EQ(pair.server.streams(), 0u);

  const auto denied = *pair.client.open(request_of());
  pair.settle();
  pair.server.write(denied, bytes_of("secret"));
  pair.server.reset(denied, Error{Reason::permission_denied_live});
  pair.settle();
  EXPECT_EQ(SessionPair::read_all(pair.client, denied), "");
}

// More than the window takes: the reset waits with it, and goes when the client gives the stream up.
TEST(TunnelSession, AResetThatWaitsEndsWithItsStream) {
  SessionPair pair({.stream_window = 65'535});
  const auto id = *pair.client.open(request_of());
  pair.settle();
  const std::string much(1 << 20, 'x');
  std::size_t written = 0;
  for (std::size_t taken = 1; taken != 0; written += taken) {
    taken = pair.server.write(id, bytes_of(much));
    pair.settle();
  }
  pair.server.reset(id, Error{Reason::upstream_reset});
  pair.server.release(id);
  pair.settle();
  EXPECT_EQ(pair.server.streams(), 1u);
  EXPECT_FALSE(pair.client.failed(id));
  std::size_t read = 0;
  for (std::string got = "x"; !got.empty(); read += got.size()) {
    got = SessionPair::read_all(pair.client, id);
    pair.settle();
  }
  EXPECT_EQ(read, written);
  EXPECT_TRUE(pair.client.failed(id));
  pair.client.release(id);
  EXPECT_EQ(pair.server.streams(), 0u);

  const auto second = *pair.client.open(request_of());
  pair.settle();
  while (pair.server.write(second, bytes_of(much)) != 0) pair.settle();
  pair.server.reset(second, Error{Reason::upstream_reset});
  pair.server.release(second);
  pair.client.release(second);
  pair.settle();
  EXPECT_EQ(pair.server.streams(), 0u);
  EXPECT_EQ(pair.client.streams(), 0u);
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

TEST(TunnelSession, AnnouncedDrainServesStreamsThatCrossWithIt) {
  SessionPair pair;
  pair.settle();
  pair.server.announce_drain();
  const auto id = pair.client.open(request_of());  // has not heard of it
  ASSERT_TRUE(id);
  pair.settle();
  EXPECT_TRUE(pair.client.draining());
  EXPECT_FALSE(pair.client.open(request_of()));
  const auto opened = pair.server.next_event();
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->kind, Kind::opened);
  pair.client.write(*id, bytes_of("served"));
  pair.client.finish(*id);
  pair.server.finish(*id);
  pair.settle();
  EXPECT_EQ(SessionPair::read_all(pair.server, *id), "served");
  EXPECT_TRUE(pair.client.closed());  // so it ends the connection
  EXPECT_FALSE(pair.server.closed());
  pair.server.drain();
  pair.settle();
  EXPECT_TRUE(pair.server.closed());
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
