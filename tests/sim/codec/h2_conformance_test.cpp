// The server's side of RFC 9113, MUST by MUST: each case sends frames, right or wrong, and says what has to
// come back. Names begin with the section. Where the RFC leaves a choice, `expect` holds all that it allows.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "codec/h2_server.h"
#include "io/scope.h"
#include "tests/sim/codec/h2_cases.h"
#include "tests/sim/codec/h2_frames.h"
#include "tests/sim/codec/own_heads.h"
#include "tests/support/sim_ring.h"

namespace sluice::codec {
namespace {

using namespace frames;

const std::string kPage(40000, 'x');

io::Task<void> serve_page(io::Ring* ring, std::unique_ptr<ServerStream> stream) {
  const bool big = stream->request().target.path == "/big";
  const std::string text =
      "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(big ? kPage.size() : 2) + "\r\n\r\n";
  http::HeadReader reader(http::HeadReader::Kind::response);
  const auto response = http::read_response(reader, text, {});
  for (;;) {
    const auto part = co_await stream->read_body();
    if (!part) co_return;
    if (part->last) break;
  }
  // The stream stays half-closed until everything else has come.
  if (stream->request().target.path == "/late") (void)co_await ring->sleep_for(Millis(100));
  if (!co_await stream->answer(**response, {}, false)) co_return;
  const std::string_view body = big ? std::string_view(kPage) : "ok";
  if (!co_await stream->write_body(io::Chunk::copy_of(std::as_bytes(std::span(body))))) co_return;
  (void)co_await stream->finish({});
}

io::Task<void> serve_client(io::Ring* ring, io::Listener* listener) {
  auto accepted = co_await listener->accept();
  if (!accepted) co_return;
  io::SocketStream client(std::move(*accepted));
  H2ServerSession session(*ring, client, {.streams_max = 10, .control_burst = 50, .reset_burst = 20}, {});
  io::Scope streams;
  for (;;) {
    auto stream = co_await session.next();
    if (!stream || !*stream) break;
    streams.spawn(serve_page(ring, std::move(*stream)));
  }
  co_await streams.join();
  co_await session.close();
}

io::Task<void> read_all(io::SocketStream* stream, std::string* out) {
  for (;;) {
    const auto chunk = co_await stream->read();
    if (!chunk || chunk->empty()) co_return;
    out->append(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
  }
}

io::Task<void> converse(io::Ring* ring, std::string bytes, std::string* out) {
  auto listener = ring->listen(server_address());
  io::Scope server;
  server.spawn(serve_client(ring, &*listener));
  auto socket = ring->open_socket(server_address());
  const auto connected = co_await socket->connect(server_address());
  EXPECT_TRUE(connected);
  io::SocketStream stream(std::move(*socket));
  io::Scope reading;
  reading.spawn(read_all(&stream, out));
  // In pieces of seven bytes: nothing may depend on how frames arrive.
  for (std::size_t at = 0; at < bytes.size(); at += 7) {
    const auto piece = std::string_view(bytes).substr(at, 7);
    if (!co_await stream.write(std::as_bytes(std::span(piece)))) break;
  }
  (void)co_await ring->sleep_for(Millis(200));
  (void)co_await stream.finish();
  (void)co_await ring->sleep_for(Millis(200));
  reading.cancel();
  co_await reading.join();
  server.cancel();
  co_await server.join();
}

std::vector<Frame> replies(const Case& c) {
  io::SimRing sim{1};
  std::string out;
  const std::string bytes = c.bare ? c.bytes : preface() + settings() + c.bytes;
  const auto finished = sim.ring().run_task(converse(&sim.ring(), bytes, &out));
  EXPECT_TRUE(finished && *finished) << c.name;
  return parse(out);
}

std::string described(const std::vector<Frame>& list) {
  std::string out;
  for (const Frame& f : list) {
    out += " type " + std::to_string(f.type) + " stream " + std::to_string(f.stream) + " flags " +
           std::to_string(f.flags);
    if (f.type == kRst || f.type == kGoaway) out += " code " + std::to_string(f.code());
    out += ";";
  }
  return out;
}

bool holds(const Expect& expect, const std::vector<Frame>& got) {
  std::size_t acks = 0;
  bool answered = false;
  for (const Frame& f : got) {
    if (f.type == kSettings && (f.flags & kAck) != 0) ++acks;
    if (f.type == kHeaders && f.stream == expect.stream) answered = true;
    if (expect.kind == Expect::Kind::connection_error && f.type == kGoaway && expect.codes.contains(f.code()))
      return true;
    // A connection error is allowed wherever a stream error is (RFC 9113 section 5.4), the reverse is not.
    const bool reset = f.type == kRst && f.stream == expect.stream;
    if (expect.kind == Expect::Kind::stream_error && (reset || f.type == kGoaway) &&
        expect.codes.contains(f.code()))
      return true;
    if (expect.kind == Expect::Kind::ping_ack && f.type == kPing && (f.flags & kAck) != 0 &&
        f.payload == expect.payload)
      return true;
  }
  if (expect.kind == Expect::Kind::answered) return answered;
  if (expect.kind == Expect::Kind::not_answered) return !answered;
  if (expect.kind == Expect::Kind::settings_acks) return acks == expect.count;
  return false;
}

void run_all(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const auto got = replies(c);
    for (const Expect& expect : c.expect) EXPECT_TRUE(holds(expect, got)) << c.name << ":" << described(got);
  }
  std::printf("%zu cases\n", cases.size());
}

// What the server sends stays within the windows that the client gave.
std::size_t data_bytes(const std::vector<Frame>& got) {
  std::size_t sum = 0;
  for (const Frame& f : got) sum += f.type == kData ? f.payload.size() : 0;
  return sum;
}
std::size_t largest_data(const std::vector<Frame>& got) {
  std::size_t most = 0;
  for (const Frame& f : got) most = std::max(most, f.type == kData ? f.payload.size() : 0);
  return most;
}

TEST(H2Conformance, Connections) {
  run_all(connection_cases());
}
TEST(H2Conformance, Compression) {
  run_all(compression_cases());
}
TEST(H2Conformance, Streams) {
  run_all(state_cases());
}
TEST(H2Conformance, Frames) {
  run_all(frame_cases());
  run_all(size_cases());
  run_all(flood_cases());
}
TEST(H2Conformance, Messages) {
  run_all(message_cases());
}

TEST(H2Conformance, WindowsAreKept) {
  const std::string big = request(1, changed(get(), ":path", "/big"));
  EXPECT_EQ(data_bytes(replies({"6.9 all of it", big, {}})), kPage.size());
  EXPECT_EQ(data_bytes(replies({"6.9 nothing", settings(setting(4, 0)) + big, {}})), 0U);
  EXPECT_EQ(data_bytes(replies({"6.9 the stream's window", settings(setting(4, 1000)) + big, {}})), 1000U);
  EXPECT_EQ(data_bytes(replies({"6.9 the window grows",
                                settings(setting(4, 1000)) + big + frame(kWindow, 0, 1, number(500, 4)),
                                {}})),
            1500U);
  EXPECT_EQ(data_bytes(replies({"6.9.2 SETTINGS change open windows",
                                settings(setting(4, 0)) + big + settings(setting(4, 700)),
                                {}})),
            700U);
  EXPECT_EQ(data_bytes(replies(
                {"6.9 the connection's window", big + request(3, changed(get(), ":path", "/big")), {}})),
            65535U);
  EXPECT_LE(largest_data(replies({"4.2 frames are small enough", big, {}})), 16384U);
}

TEST(H2Conformance, ThereAreEnoughCases) {
  const std::size_t all = connection_cases().size() + compression_cases().size() + state_cases().size() +
                          frame_cases().size() + size_cases().size() + flood_cases().size() +
                          message_cases().size();
  EXPECT_GE(all, 140U);
}

}  // namespace
}  // namespace sluice::codec
