// A server that answers before it has read: the answer reaches a client that is still sending, and what the
// client goes on to send costs time and no memory, both to a bound.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "codec/h1_server.h"
#include "io/scope.h"
#include "tests/sim/codec/own_heads.h"
#include "tests/support/sim_ring.h"

namespace sluice::codec {
namespace {

constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly";

io::Task<void> answer_early(ServerStream* stream) {
  std::string text(kAnswer);
  http::HeadReader reader{http::HeadReader::Kind::response};
  const auto response = http::read_response(reader, text, {});
  EXPECT_TRUE(co_await stream->answer(**response, {}, false));
  if (stream->request().target.path == "/cut") {
    EXPECT_TRUE(co_await stream->write_body(io::Chunk::copy_of(std::as_bytes(std::span("ear", 3)))));
    co_return stream->reset({Reason::upstream_reset, Origin::upstream, ECONNRESET, "test"});
  }
  EXPECT_TRUE(co_await stream->write_body(io::Chunk::copy_of(std::as_bytes(std::span("early", 5)))));
  EXPECT_TRUE(co_await stream->finish({}));
}

struct Served {
  int requests = 0;
  Nanos lasted{};  // from the answer to the end
};

io::Task<void> serve(io::Ring* ring, io::Listener* listener, Served* served) {
  auto accepted = co_await listener->accept();
  io::SocketStream client(std::move(*accepted));
  H1ServerSession session(*ring, client, {}, {});
  MonoTime answered = ring->now();
  while (true) {
    auto stream = co_await session.next();
    if (!stream || !*stream) break;
    ++served->requests;
    co_await answer_early(stream->get());
    answered = ring->now();
  }
  co_await session.close();
  served->lasted = ring->now() - answered;
}

struct Upload {
  std::string head{};  // and what follows it at once
  std::size_t piece = 16 * 1024;
  std::size_t pieces = 0;
  Nanos pause{};
  std::string tail{};
};

struct Heard {
  std::optional<Error> failed;  // of a send or a receive
  std::string bytes;
  std::size_t sent = 0;
};

// As curl does: all of the body goes out before the answer is looked at.
io::Task<void> upload(io::Ring* ring, Upload what, Heard* heard) {
  auto socket = ring->open_socket(server_address());
  (void)co_await socket->connect(server_address());
  const auto put = [&heard](const Result<>& sent) {
    if (!sent && !heard->failed) heard->failed = sent.error();
    return sent.has_value();
  };
  put(co_await socket->send(std::as_bytes(std::span(what.head))));
  const std::string piece(what.piece, 'x');
  for (std::size_t i = 0; i < what.pieces; ++i) {
    if (what.pause > Nanos::zero()) (void)co_await ring->sleep_for(what.pause);
    if (!put(co_await socket->send(std::as_bytes(std::span(piece))))) co_return;
    heard->sent += piece.size();
  }
  if (!what.tail.empty()) put(co_await socket->send(std::as_bytes(std::span(what.tail))));
  (void)co_await socket->shutdown_write();
  while (true) {
    auto chunk = co_await socket->recv();
    if (!chunk) heard->failed = chunk.error();
    if (!chunk || chunk->empty()) co_return;
    heard->bytes.append(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
  }
}

io::Task<void> both(io::Ring* ring, Upload what, Served* served, Heard* heard) {
  auto listener = ring->listen(server_address());
  io::Scope server;
  server.spawn(serve(ring, &*listener, served));
  co_await upload(ring, std::move(what), heard);
  co_await server.join();
}

Heard heard_by(Upload what, Served& served) {
  io::SimRing sim(io::sim_seed(1));
  Heard heard;
  const auto finished = sim.ring().run_task(both(&sim.ring(), std::move(what), &served, &heard));
  EXPECT_TRUE(finished && *finished);
  return heard;
}

std::string head_of(std::size_t bytes) {
  return "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: " + std::to_string(bytes) + "\r\n\r\n";
}

TEST(EarlyAnswer, ReachesAClientThatSendsAMegabyte) {
  Served served;
  const std::size_t size = std::size_t{64} * 16 * 1024;
  const Heard heard = heard_by({.head = head_of(size), .pieces = 64}, served);
  EXPECT_FALSE(heard.failed);
  EXPECT_EQ(kAnswer, heard.bytes);
  EXPECT_EQ(size, heard.sent);
  EXPECT_EQ(1, served.requests);
}

TEST(EarlyAnswer, ReachesAClientThatSendsChunks) {
  Served served;
  const std::string head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n100000\r\n";
  const Heard heard = heard_by({.head = head, .pieces = 64, .tail = "\r\n0\r\n\r\n"}, served);
  EXPECT_FALSE(heard.failed);
  EXPECT_EQ(kAnswer, heard.bytes);
  EXPECT_EQ(1, served.requests);
}

// What is left of the body is read, and the next request is found behind it.
TEST(EarlyAnswer, LeavesTheConnectionToTheNextRequest) {
  Served served;
  const Heard heard = heard_by({.head = head_of(640 * 16 * 1024),
                                .pieces = 640,
                                .tail = "GET /2 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"},
                               served);
  EXPECT_FALSE(heard.failed);
  EXPECT_EQ(2, served.requests);
}

// The body is not a request, however much it looks like one.
TEST(EarlyAnswer, NeverReadsTheUnreadBodyAsARequest) {
  Served served;
  std::string body;
  while (body.size() < 256 * 1024) body += "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
  const Heard heard = heard_by({.head = head_of(body.size()) + body, .pieces = 0}, served);
  EXPECT_FALSE(heard.failed);
  EXPECT_EQ(kAnswer, heard.bytes);
  EXPECT_EQ(1, served.requests);
}

TEST(EarlyAnswer, IsNotHeldUpForLongByAClientThatFallsSilent) {
  Served served;
  (void)heard_by({.head = head_of(1 << 20), .piece = 1, .pieces = 1}, served);
  EXPECT_LE(served.lasted, std::chrono::seconds(7));
}

TEST(EarlyAnswer, IsNotHeldUpForLongByAClientThatTrickles) {
  Served served;
  const Heard heard =
      heard_by({.head = head_of(1 << 20), .piece = 1, .pieces = 200, .pause = Millis(500)}, served);
  EXPECT_TRUE(heard.failed);
  EXPECT_LE(served.lasted, std::chrono::seconds(35));
}

// A client that is going to send more than will be read is told not to count on the connection.
TEST(EarlyAnswer, AnnouncesTheEndBeforeAnEndlessBody) {
  Served served;
  const Heard heard =
      heard_by({.head = head_of(std::size_t{65} << 20), .piece = 1 << 20, .pieces = 10}, served);
  EXPECT_NE(std::string::npos, heard.bytes.find("connection: close")) << heard.bytes;
}

TEST(EarlyAnswer, IsNotHeldUpForLongByAnEndlessBody) {
  Served served;
  const std::size_t endless = std::size_t{1} << 40;
  const Heard heard = heard_by({.head = head_of(endless), .piece = 1 << 20, .pieces = 1000}, served);
  EXPECT_TRUE(heard.failed);
  EXPECT_LE(heard.sent, std::size_t{70} << 20);
}

// A reset would take back the answer before, which the client may not have read yet.
TEST(AnswerThatBreaksOff, LeavesTheAnswersBeforeIt) {
  Served served;
  const std::string cut = "GET /cut HTTP/1.1\r\nhost: a\r\n\r\n";
  const Heard heard = heard_by({.head = "GET /1 HTTP/1.1\r\nhost: a\r\n\r\n" + cut + cut}, served);
  EXPECT_FALSE(heard.failed);
  EXPECT_EQ(std::string(kAnswer) + std::string(kAnswer.substr(0, kAnswer.size() - 2)), heard.bytes);
  EXPECT_EQ(2, served.requests);
}

TEST(AnswerThatBreaksOff, IsAResetWhereItIsTheFirst) {
  Served served;
  const Heard heard = heard_by({.head = "GET /cut HTTP/1.1\r\nhost: a\r\n\r\n"}, served);
  EXPECT_TRUE(heard.failed);
}

}  // namespace
}  // namespace sluice::codec
