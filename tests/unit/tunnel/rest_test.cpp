// A server's session that rests between streams: nobody but the heap notices.
#include <algorithm>

#include "tests/support/heap.h"
#include "tests/unit/tunnel/session_pair.h"

namespace sluice::tunnel {
namespace {

using Kind = Event::Kind;

// One stream from its opening to its end, `size` bytes each way.
void converse(SessionPair& pair, std::size_t size) {
  const auto id = pair.client.open(request_of());
  ASSERT_TRUE(id);
  const std::string text(size, 'x');
  std::string heard_up;
  std::string heard_down;
  std::size_t sent = 0;
  std::size_t answered = 0;
  while (heard_down.size() < size) {
    if (sent < size) sent += pair.client.write(*id, bytes_of(text).subspan(sent));
    if (sent == size) pair.client.finish(*id);
    pair.settle();
    heard_up += SessionPair::read_all(pair.server, *id);
    answered += pair.server.write(*id, bytes_of(text).first(heard_up.size()).subspan(answered));
    if (answered == size) pair.server.finish(*id);
    pair.settle();
    heard_down += SessionPair::read_all(pair.client, *id);
    ASSERT_TRUE(pair.server_result && pair.client_result);
  }
  EXPECT_TRUE(pair.client.ended(*id));
  pair.client.release(*id);
  pair.server.release(*id);
  pair.settle();
  while (pair.server.next_event()) {
  }
  while (pair.client.next_event()) {
  }
}

// What was taken from the peer is first told it in full.
void rest(SessionPair& pair) {
  if (!pair.server.rest()) pair.settle();
  ASSERT_TRUE(pair.server.rest());
  EXPECT_TRUE(pair.server.resting());
  EXPECT_FALSE(pair.server.closed());
  EXPECT_FALSE(pair.server.wants_output());
}

TEST(TunnelRest, GoesOnAfterEveryRest) {
  SessionPair pair;
  for (const std::size_t size : {1u, 100'000u, 30'000'000u, 1u, 9'000'000u, 9'000'000u, 2u}) {
    rest(pair);
    converse(pair, size);
    EXPECT_FALSE(pair.server.resting());
  }
  rest(pair);
  pair.client.ping();
  pair.settle();
  EXPECT_TRUE(pair.client_result && pair.server_result);
  rest(pair);
  pair.server.drain();
  pair.settle();
  EXPECT_TRUE(pair.client.draining());
  EXPECT_FALSE(pair.server.rest());
  EXPECT_TRUE(pair.server.closed());
}

TEST(TunnelRest, AnnouncesThatItLeaves) {
  SessionPair pair;
  converse(pair, 1000);
  rest(pair);
  pair.server.announce_drain();
  EXPECT_FALSE(pair.server.resting());
  pair.settle();
  EXPECT_TRUE(pair.client.draining());
  EXPECT_FALSE(pair.server.rest());
  pair.server.drain();
  pair.settle();
  EXPECT_TRUE(pair.client_result && pair.server_result);
  EXPECT_TRUE(pair.server.closed());
}

// Its own keepalive does not keep it awake: the PING goes out, it rests, the answer comes.
TEST(TunnelRest, RestsWhileItsPingIsAnswered) {
  SessionPair pair;
  converse(pair, 10);
  rest(pair);
  for (int round = 0; round < 3; ++round) {
    pair.server.ping();
    const auto down = pair.server.take_output(1 << 16);
    EXPECT_TRUE(pair.server.rest());
    ASSERT_TRUE(pair.client.feed(down, pair.now));
    pair.settle();
    EXPECT_TRUE(pair.client_result && pair.server_result);
    rest(pair);
  }
  converse(pair, 100'000);
}

// What the peer sets while the session rests is acknowledged, and holds after the next rest.
TEST(TunnelRest, KeepsTheNewestSettings) {
  SessionPair pair;
  converse(pair, 10);
  rest(pair);
  constexpr std::string_view kWindowOf5("\0\0\6\4\0\0\0\0\0\0\4\0\0\0\5", 15);  // RFC 9113 section 6.5
  constexpr std::string_view kAck("\0\0\0\4\1\0\0\0\0", 9);
  ASSERT_TRUE(pair.server.feed(bytes_of(kWindowOf5), pair.now));
  const auto answer = pair.server.take_output(1 << 16);
  EXPECT_TRUE(std::ranges::equal(answer, bytes_of(kAck)));
  ASSERT_TRUE(pair.server.rest());
  const auto id = *pair.client.open(request_of());
  ASSERT_TRUE(pair.server.feed(pair.client.take_output(1 << 16), pair.now));
  ASSERT_TRUE(SessionPair::next(pair.server, Kind::opened));
  pair.server.write(id, bytes_of("ten bytes."));
  ASSERT_TRUE(pair.client.feed(pair.server.take_output(1 << 16), pair.now));
  EXPECT_EQ(SessionPair::read_all(pair.client, id), "ten b");
}

TEST(TunnelRest, HoldsALittleOfTheMemory) {
  SessionPair pair;
  converse(pair, 1000);
  const auto awake = test::heap_in_use();
  rest(pair);
  EXPECT_GT(awake - test::heap_in_use(), 6u * 1024);  // 1 KiB blocks stay with the thread
}

TEST(TunnelRest, NotWithAStreamNorAsAClientNorWithOutput) {
  SessionPair pair;
  EXPECT_FALSE(pair.client.rest());
  pair.server.ping();
  EXPECT_FALSE(pair.server.rest());
  pair.settle();
  const auto id = pair.client.open(request_of());
  pair.settle();
  EXPECT_FALSE(pair.server.rest());
  EXPECT_TRUE(SessionPair::next(pair.server, Kind::opened));
  EXPECT_FALSE(pair.server.rest());
  pair.client.reset(*id, Error{Reason::client_reset});
  pair.settle();
  while (pair.server.next_event()) {
  }
  EXPECT_FALSE(pair.server.rest());  // not released
  pair.server.release(*id);
  EXPECT_TRUE(pair.server.rest());
}

// A peer whose header fields came before it acknowledged our settings may have put some into its table.
TEST(TunnelRest, NotBeforeThePeerGaveItsTableUp) {
  Session client(Role::client, {});
  Session server(Role::server, {});
  const auto id = *client.open(request_of());
  client.reset(id, Error{Reason::client_reset});
  client.release(id);
  const auto second = *client.open(request_of());
  const MonoTime now{std::chrono::seconds(1)};
  ASSERT_TRUE(server.feed(client.take_output(1 << 16), now));
  server.reset(second, Error{Reason::permission_denied});
  for (const auto stream : {id, second}) server.release(stream);
  while (server.next_event()) {
  }
  const auto answer = server.take_output(1 << 16);
  EXPECT_EQ(server.streams(), 0u);
  EXPECT_FALSE(server.rest());
  ASSERT_TRUE(client.feed(answer, now));
  ASSERT_TRUE(server.feed(client.take_output(1 << 16), now));
  EXPECT_TRUE(server.rest());
}

TEST(TunnelRest, LateFramesOfAnEndedStreamAreNoError) {
  SessionPair pair;
  converse(pair, 10);
  rest(pair);
  const auto id = *pair.client.open(request_of());
  pair.settle();
  pair.server.reset(id, Error{Reason::permission_denied});
  pair.server.release(id);
  while (pair.server.next_event()) {
  }
  const auto down = pair.server.take_output(1 << 16);
  ASSERT_TRUE(pair.server.rest());
  pair.client.write(id, bytes_of("on its way while the stream was reset"));
  ASSERT_TRUE(pair.server.feed(pair.client.take_output(1 << 16), pair.now));
  ASSERT_TRUE(pair.client.feed(down, pair.now));
  pair.client.release(id);
  pair.settle();
  converse(pair, 10);
  rest(pair);
}

// Cut anywhere, with an attempt to rest after each piece.
TEST(TunnelRest, NeverWithinAFrame) {
  for (const std::size_t piece : {1u, 2u, 7u, 10u}) {
    Session client(Role::client, {});
    Session server(Role::server, {});
    const MonoTime now{std::chrono::seconds(1)};
    int rests = 0;
    for (int round = 0; round < 6; ++round) {
      const auto id = client.open(request_of());
      ASSERT_TRUE(id);
      client.write(*id, bytes_of("hello"));
      client.finish(*id);
      for (bool moved = true; moved;) {
        const auto up = client.take_output(1 << 16);
        for (std::span<const std::byte> rest = up; !rest.empty();) {
          const auto now_fed = rest.first(std::min(piece, rest.size()));
          ASSERT_TRUE(server.feed(now_fed, now));
          rest = rest.subspan(now_fed.size());
          while (const auto event = server.next_event()) {
            SessionPair::read_all(server, event->stream);
            if (!server.ended(event->stream)) continue;
            server.finish(event->stream);
            server.release(event->stream);
          }
          rests += server.rest() ? 1 : 0;
        }
        const auto down = server.take_output(1 << 16);
        ASSERT_TRUE(client.feed(down, now));
        moved = !up.empty() || !down.empty();
        rests += server.rest() ? 1 : 0;
      }
      SessionPair::read_all(client, *id);
      EXPECT_TRUE(client.ended(*id) || client.failed(*id));
      client.release(*id);
    }
    EXPECT_EQ(client.streams(), 0u);
    EXPECT_EQ(server.streams(), 0u);
    EXPECT_GT(rests, 5);
  }
}

}  // namespace
}  // namespace sluice::tunnel
