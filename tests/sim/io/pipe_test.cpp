// The pair of streams in memory: bytes in order, back-pressure, half-close, reset.
#include "io/pipe.h"

#include <gtest/gtest.h>

#include <string>

#include "io/scope.h"
#include "tests/support/sim_ring.h"

namespace sluice::io {
namespace {

Chunk text(const std::string& text) {
  return Chunk::copy_of(std::as_bytes(std::span(text)));
}

Task<void> write_all(Stream* stream, std::size_t bytes, std::size_t* written) {
  while (*written < bytes) {
    std::string piece;
    while (piece.size() < 1000) piece += std::to_string(*written + piece.size()) + " ";
    if (!co_await stream->write(text(piece))) co_return;
    *written += piece.size();
  }
  (void)co_await stream->finish();
}

Task<void> read_all(Stream* stream, std::string* out) {
  while (true) {
    const auto chunk = co_await stream->read();
    if (!chunk || chunk->empty()) co_return;
    out->append(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
  }
}

Task<void> slow_reader(Ring* ring) {
  PipeEnds ends = make_pipe(*ring);
  Scope writer;
  std::size_t written = 0;
  writer.spawn(write_all(ends.client.get(), 300'000, &written));
  (void)co_await ring->sleep_for(Millis(10));
  EXPECT_LE(written, kPipeBytesMax + 2000);  // nobody has read
  std::string got;
  co_await read_all(ends.server.get(), &got);
  co_await writer.join();
  EXPECT_EQ(got.size(), written);
  EXPECT_GE(written, 300'000U);
  EXPECT_TRUE(got.starts_with("0 2 4"));
  // The other direction is still open.
  EXPECT_TRUE(co_await ends.server->write(text("answer")));
  const auto answer = co_await ends.client->read();
  EXPECT_TRUE(answer);
  EXPECT_EQ(answer->size(), 6U);
}

TEST(Pipe, CarriesBytesNoFasterThanTheyAreRead) {
  SimRing sim(1);
  EXPECT_TRUE(*sim.ring().run_task(slow_reader(&sim.ring())));
}

Task<void> read_error(Stream* stream, Result<Chunk>* out) {
  *out = co_await stream->read();
}

Task<void> resets(Ring* ring) {
  PipeEnds ends = make_pipe(*ring);
  Result<Chunk> server = fail(Reason::none, Origin::internal, "");
  Scope reader;
  reader.spawn(read_error(ends.server.get(), &server));
  ends.client->reset(Error{Reason::drained, Origin::internal, 0, "test"});
  co_await reader.join();
  EXPECT_EQ(server.error().reason, Reason::client_reset);
  EXPECT_EQ((co_await ends.client->read()).error().reason, Reason::drained);
  EXPECT_FALSE(co_await ends.server->write(text("late")));

  PipeEnds other = make_pipe(*ring);
  other.server->reset(Error{Reason::drained, Origin::internal, 0, "test"});
  EXPECT_EQ((co_await other.client->read()).error().reason, Reason::upstream_reset);
}

TEST(Pipe, AResetEndsBothEndsWithWhatEachWouldSee) {
  SimRing sim(1);
  EXPECT_TRUE(*sim.ring().run_task(resets(&sim.ring())));
}

Task<void> closes(Ring* ring) {
  PipeEnds ends = make_pipe(*ring);
  EXPECT_TRUE(co_await ends.client->write(text("last words")));
  ends.client.reset();
  std::string got;
  co_await read_all(ends.server.get(), &got);
  EXPECT_EQ(got, "last words");
  const auto written = co_await ends.server->write(text("to nobody"));
  EXPECT_FALSE(written);
  EXPECT_EQ(written.error().reason, Reason::client_reset);
}

TEST(Pipe, AnEndThatDiesCloses) {
  SimRing sim(1);
  EXPECT_TRUE(*sim.ring().run_task(closes(&sim.ring())));
}

}  // namespace
}  // namespace sluice::io
