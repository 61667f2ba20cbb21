// An HTTP/2 server that answers before it has read: clients that write all of their body before they look at
// the answer find it, and what they go on to send costs time and bytes to a bound.
#include <gtest/gtest.h>

#include <string>

#include "codec/h2_client.h"
#include "codec/h2_server.h"
#include "io/scope.h"
#include "tests/sim/codec/own_heads.h"
#include "tests/support/sim_ring.h"

namespace sluice::codec {
namespace {

using namespace std::chrono_literals;

io::Task<void> serve(io::Ring* ring, io::Listener* listener, H2Limits limits) {
  auto accepted = co_await listener->accept();
  io::SocketStream client(std::move(*accepted));
  H2ServerSession session(*ring, client, limits, {});
  for (;;) {
    auto stream = co_await session.next();
    if (!stream || !*stream) break;
    const Answering answering("HTTP/1.1 403 No\r\ncontent-length: 5\r\n\r\n");
    EXPECT_TRUE(co_await (*stream)->answer(answering.response, {}, false));
    EXPECT_TRUE(co_await (*stream)->write_body(chunk_of("early")));
    EXPECT_TRUE(co_await (*stream)->finish({}));
  }
  co_await session.close();
}

struct Upload {
  std::size_t piece = 16 * 1024;
  std::size_t pieces = 0;
  Nanos pause{};  // before each but the first
  int times = 1;  // one after the other, over one connection
};
struct Heard {
  int answers = 0;  // whole ones
  std::size_t sent = 0;
  std::size_t failed = 0;  // writes
  Nanos lasted{};          // until a write failed, or all were out
};

io::Task<void> upload(io::Ring* ring, ClientSession* session, Upload what, Heard* heard) {
  const Asking asking("POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n");
  auto stream = session->open();
  const MonoTime began = ring->now();
  if (!co_await stream->send(asking.request, {}, false)) co_return;
  const std::string piece(what.piece, 'x');
  for (std::size_t i = 0; i < what.pieces; ++i) {
    if (i > 0 && what.pause > Nanos::zero()) (void)co_await ring->sleep_for(what.pause);
    if (!co_await stream->write_body(chunk_of(piece))) {
      ++heard->failed;
      break;
    }
    heard->sent += piece.size();
  }
  heard->lasted = ring->now() - began;
  const auto head = co_await stream->answer();
  if (!head) co_return;
  const auto body = co_await stream->read_body();
  heard->answers += (*head)->status == 403 && body && body->data.size() == 5;
}

io::Task<void> run_session(ClientSession* session) {
  co_await session->run();
}

io::Task<void> both(io::Ring* ring, Upload what, H2Limits limits, Heard* heard) {
  auto listener = ring->listen(server_address());
  io::Scope server;
  server.spawn(serve(ring, &*listener, limits));
  {
    auto socket = ring->open_socket(server_address());
    EXPECT_TRUE(co_await socket->connect(server_address()));
    H2ClientSession session(*ring, std::make_unique<io::SocketStream>(std::move(*socket)), {});
    io::Scope running;
    running.spawn(run_session(&session));
    for (int i = 0; i < what.times; ++i) co_await upload(ring, &session, what, heard);
    running.cancel();
    co_await running.join();
  }
  co_await server.join();
}

Heard heard_by(Upload what, H2Limits limits = {}) {
  io::SimRing sim(io::sim_seed(1));
  Heard heard;
  const auto finished = sim.ring().run_task(both(&sim.ring(), what, limits, &heard));
  EXPECT_TRUE(finished && *finished);
  return heard;
}

// Four windows of the stream.
TEST(H2EarlyAnswer, ReachesAClientThatSendsAllOfItFirst) {
  const Heard heard = heard_by({.pieces = 64});
  EXPECT_EQ(heard.sent, std::size_t{64} * 16 * 1024);
  EXPECT_EQ(heard.failed, 0U);
  EXPECT_EQ(heard.answers, 1);
}

TEST(H2EarlyAnswer, LeavesTheConnectionToOtherRequests) {
  EXPECT_EQ(heard_by({.pieces = 20, .times = 20}).answers, 20);
}

// Each one gives up what is left of its request when it has its answer: that is no flood of resets.
TEST(H2EarlyAnswer, MayBeTakenForTheEndByManyRequests) {
  EXPECT_EQ(heard_by({.piece = 1, .pieces = 1, .times = 1000}).answers, 1000);
}

TEST(H2EarlyAnswer, IsNotHeldUpForLongByAClientThatFallsSilent) {
  const Heard heard = heard_by({.piece = 1, .pieces = 2, .pause = 7s});
  EXPECT_EQ(heard.failed, 1U) << "the stream was reset after 5 s";
  const Heard sooner = heard_by({.piece = 1, .pieces = 2, .pause = 4s});
  EXPECT_EQ(sooner.failed, 0U);
}

TEST(H2EarlyAnswer, IsNotHeldUpForLongByAClientThatTrickles) {
  const Heard heard = heard_by({.piece = 1, .pieces = 200, .pause = 500ms});
  EXPECT_EQ(heard.failed, 1U);
  EXPECT_GE(heard.lasted, 29s);
  EXPECT_LE(heard.lasted, 32s);
}

TEST(H2EarlyAnswer, IsNotHeldUpForLongByAnEndlessBody) {
  H2Limits limits;
  limits.unread_max = 1 << 20;
  const Heard heard = heard_by({.pieces = 10'000}, limits);
  EXPECT_EQ(heard.failed, 1U);
  EXPECT_LE(heard.sent, std::size_t{2} << 20);
}

}  // namespace
}  // namespace sluice::codec
