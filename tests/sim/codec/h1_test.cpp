// HTTP/1.1 sessions over the simulated network under random faults: what is asked comes back to who asked, or
// nothing does. Never another's answer.
#include <gtest/gtest.h>

#include <string>

#include "codec/h1_client.h"
#include "codec/h1_server.h"
#include "io/scope.h"
#include "tests/sim/codec/own_heads.h"
#include "tests/support/sim_ring.h"

namespace sluice::codec {
namespace {

// Echoes the path and the body, in one framing or the other by the path.
io::Task<void> serve_one(ServerStream* stream) {
  std::string echo(stream->request().target.path);
  const bool chunked = echo.find("chunked") != std::string::npos;
  if (stream->request().body.kind != http::BodyLength::Kind::none) {
    for (bool last = false; !last;) {
      auto part = co_await stream->read_body();
      if (!part) co_return stream->reset(part.error());
      echo.append(reinterpret_cast<const char*>(part->data.bytes().data()), part->data.size());
      echo.append(part->trailers);
      last = part->last;
    }
  }
  const Answering answering("HTTP/1.1 200 OK\r\n" +
                            (chunked ? std::string("transfer-encoding: chunked")
                                     : "content-length: " + std::to_string(echo.size())) +
                            "\r\n\r\n");
  stream->hold_back();
  if (!co_await stream->answer(answering.response, {}, false)) co_return;
  if (!co_await stream->write_body(chunk_of(echo))) co_return;
  (void)co_await stream->finish({});
}

io::Task<void> serve_connection(io::Ring* ring, io::Socket socket) {
  io::SocketStream client(std::move(socket));
  H1ServerSession session(*ring, client, {}, {});
  while (true) {
    auto stream = co_await session.next();
    if (!stream || !*stream) break;
    co_await serve_one(stream->get());
  }
  co_await session.close();
}

io::Task<void> accept_all(io::Ring* ring, io::Listener* listener) {
  io::Scope connections;
  while (true) {
    auto accepted = co_await listener->accept();
    if (!accepted && accepted.error().sys_errno == ECANCELED) break;
    if (accepted) connections.spawn(serve_connection(ring, std::move(*accepted)));
  }
  connections.cancel();
  co_await connections.join();
}

struct Count {
  int right = 0;
  int failed = 0;
  int reused = 0;
};

// One request; true when the connection may carry another.
io::Task<void> ask(ClientSession* session, std::string path, std::string body, Count* count) {
  const bool chunked = body.size() % 2 == 1;
  const Asking asking("POST " + path + " HTTP/1.1\r\nhost: a\r\n" +
                      (chunked ? std::string("transfer-encoding: chunked")
                               : "content-length: " + std::to_string(body.size())) +
                      "\r\n\r\n");
  const auto stream = session->open();
  ++count->failed;
  if (!co_await stream->send(asking.request, {}, body.empty())) co_return;
  if (!body.empty()) {
    if (!co_await stream->write_body(chunk_of(body))) co_return;
    if (!co_await stream->finish(chunked ? "x-sum: 1\r\n" : "")) co_return;
  }
  const auto response = co_await stream->answer();
  if (!response) co_return;
  std::string got;
  for (bool last = false; !last;) {
    auto part = co_await stream->read_body();
    if (!part) co_return;
    got.append(reinterpret_cast<const char*>(part->data.bytes().data()), part->data.size());
    last = part->last;
  }
  EXPECT_EQ(path + body + (chunked ? "x-sum: 1\r\n" : ""), got);
  --count->failed;
  ++count->right;
}

io::Task<void> run_session(ClientSession* session) {
  co_await session->run();
}

io::Task<void> client_side(io::Ring* ring, std::uint64_t seed, Count* count) {
  std::mt19937_64 random(seed);
  for (int connection = 0; connection < 12; ++connection) {
    auto socket = ring->open_socket(server_address());
    if (!co_await socket->connect(server_address())) continue;
    H1ClientSession session(*ring, std::make_unique<io::SocketStream>(std::move(*socket)));
    io::Scope runner;
    runner.spawn(run_session(&session));
    for (int i = 0; i < 20 && session.room() > 0; ++i) {
      count->reused += i > 0 ? 1 : 0;
      const std::string path =
          (i % 3 == 0 ? "/chunked/" : "/counted/") + std::to_string(connection * 100 + i);
      co_await ask(&session, path, std::string(random() % 40'000, static_cast<char>('a' + i % 26)), count);
    }
    runner.cancel();
    co_await runner.join();
  }
}

io::Task<void> both(io::Ring* ring, std::uint64_t seed, Count* count) {
  auto listener = ring->listen(server_address());
  io::Scope server;
  server.spawn(accept_all(ring, &*listener));
  co_await client_side(ring, seed, count);
  server.cancel();
  co_await server.join();
}

TEST(Http1, AnswersBelongToTheirRequests) {
  Count count;
  io::SimRing sim(io::sim_seed(1));
  const auto finished = sim.ring().run_task(both(&sim.ring(), 1, &count));
  ASSERT_TRUE(finished && *finished);
  EXPECT_EQ(240, count.right);
  EXPECT_EQ(0, count.failed);
}

TEST(Http1, UnderFaultsAnAnswerIsRightOrMissing) {
  Count count;
  const std::uint64_t first = io::sim_seed(1);
  for (std::uint64_t seed = first; seed < first + 40; ++seed) {
    io::SimRing sim(seed, io::SimFaults::storm());
    const auto finished = sim.ring().run_task(both(&sim.ring(), seed, &count));
    ASSERT_TRUE(finished && *finished) << "seed " << seed;
  }
  EXPECT_GT(count.right, 500);
  EXPECT_GT(count.failed, 20);
  EXPECT_GT(count.reused, 300);
}

// What a server wrote, in bytes, and what of it one client session makes of it.
io::Task<void> say(io::Ring* ring, io::Listener* listener, std::string bytes, bool then_close) {
  auto accepted = co_await listener->accept();
  if (!accepted) co_return;
  (void)co_await accepted->recv();
  (void)co_await accepted->send(std::as_bytes(std::span(bytes)));
  if (then_close) co_return;
  (void)co_await ring->sleep_for(std::chrono::seconds(1));
}

struct Said {
  std::uint16_t status = 0;
  std::string body;
  std::optional<Error> error;
  std::size_t room = 0;
};

io::Task<void> hear(io::Ring* ring, std::string bytes, bool then_close, Said* said) {
  auto listener = ring->listen(server_address());
  io::Scope server;
  server.spawn(say(ring, &*listener, std::move(bytes), then_close));
  auto socket = ring->open_socket(server_address());
  (void)co_await socket->connect(server_address());
  H1ClientSession session(*ring, std::make_unique<io::SocketStream>(std::move(*socket)));
  io::Scope runner;
  runner.spawn(run_session(&session));
  {
    const Asking asking("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    const auto stream = session.open();
    (void)co_await stream->send(asking.request, {}, true);
    const auto response = co_await stream->answer();
    if (!response) said->error = response.error();
    if (response) said->status = (*response)->status;
    for (bool last = !response; !last;) {
      auto part = co_await stream->read_body();
      if (!part) {
        said->error = part.error();
        break;
      }
      said->body.append(reinterpret_cast<const char*>(part->data.bytes().data()), part->data.size());
      last = part->last;
    }
  }
  (void)co_await ring->sleep_for(Millis(10));
  said->room = session.room();
  runner.cancel();
  co_await runner.join();
  server.cancel();
  co_await server.join();
}

Said heard(std::string bytes, bool then_close) {
  io::SimRing sim(io::sim_seed(1));
  Said said;
  const auto finished = sim.ring().run_task(hear(&sim.ring(), std::move(bytes), then_close, &said));
  EXPECT_TRUE(finished && *finished);
  return said;
}

TEST(Http1, BytesAfterTheEndEndTheConnection) {
  const Said good = heard("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false);
  EXPECT_EQ("ok", good.body);
  EXPECT_EQ(1U, good.room);
  const Said more = heard("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", false);
  EXPECT_EQ("ok", more.body);
  EXPECT_EQ(0U, more.room);
}

TEST(Http1, ABodyThatIsCutShortIsAnError) {
  EXPECT_TRUE(heard("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", true).error);
  EXPECT_TRUE(heard("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", true).error);
  EXPECT_TRUE(heard("HTTP/1.1 200 OK\r\ncontent-len", true).error);
  const Said open_end = heard("HTTP/1.1 200 OK\r\n\r\nto the end", true);
  EXPECT_FALSE(open_end.error);
  EXPECT_EQ("to the end", open_end.body);
}

TEST(Http1, AnAnswerThatTwoReadersWouldReadDifferentlyIsRefused) {
  const Said said =
      heard("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nok", false);
  ASSERT_TRUE(said.error);
  EXPECT_EQ(Reason::http_protocol_error, said.error->reason);
  EXPECT_EQ(0U, said.room);
}

}  // namespace
}  // namespace sluice::codec
