// The server's side of RFC 9113, MUST by MUST: each case sends frames, right or wrong, and says what has to
// come back. Names begin with the section. Where the RFC leaves a choice, `expect` holds all that it allows.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "codec/h2_server.h"
#include "io/scope.h"
#include "tests/sim/codec/h2_frames.h"
#include "tests/support/sim_ring.h"

namespace sluice::codec {
namespace {

using namespace frames;

SocketAddr server_address() {
  return *SocketAddr::parse("10.0.0.2:80");
}

struct Expect {
  enum class Kind : std::uint8_t {
    connection_error,
    stream_error,
    answered,
    not_answered,
    ping_ack,
    settings_acks
  };
  Kind kind;
  std::set<std::uint32_t> codes{};  // of the error
  std::uint32_t stream = 1;
  std::string payload{};  // of the PING
  std::size_t count = 1;  // of SETTINGS acknowledgements
};
Expect goaway(std::set<std::uint32_t> codes) {
  return {Expect::Kind::connection_error, std::move(codes)};
}
Expect rst(std::set<std::uint32_t> codes, std::uint32_t stream = 1) {
  return {Expect::Kind::stream_error, std::move(codes), stream};
}
Expect answer(std::uint32_t stream = 1) {
  return {Expect::Kind::answered, {}, stream};
}

struct Case {
  std::string name;
  std::string bytes;  // after preface and SETTINGS
  std::vector<Expect> expect;
  bool bare = false;  // `bytes` is all that is sent
};

const std::string kPage(40000, 'x');

io::Task<void> serve_page(std::unique_ptr<ServerStream> stream) {
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
    streams.spawn(serve_page(std::move(*stream)));
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

constexpr auto kNotAnswered = Expect::Kind::not_answered;

std::vector<Case> connection_cases() {
  std::vector<Case> out{
      {"3.4 preface and SETTINGS are enough", request(1), {answer()}},
      {"3.4 first frame of the client must be SETTINGS",
       preface() + request(1),
       {goaway({kProtocol}), {kNotAnswered}},
       true},
      {"3.4 the preface must be right",
       "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + settings() + request(1),
       {{kNotAnswered}},
       true},
      {"3.4 HTTP/1.1 is no preface", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", {{kNotAnswered}}, true},
      {"3.4 no frame before the preface", settings() + preface() + request(1), {{kNotAnswered}}, true},
      {"4.1 unknown frame types are ignored", frame(0x42, 0xff, 0, "abc") + request(1), {answer()}},
      {"4.1 unknown frame types on a stream are ignored",
       open(1) + frame(0x42, 0, 1, "abc") + data(1, "", true),
       {answer()}},
      {"4.1 unknown flags are ignored", frame(kPing, 0xf0, 0, "12345678") + request(1), {answer()}},
      {"4.1 unknown flags of HEADERS are ignored",
       frame(kHeaders, kEndHeaders | kEndStream | 0x42, 1, block(get())),
       {answer()}},
      {"4.1 the reserved bit is ignored",
       frame(kHeaders, kEndHeaders | kEndStream, 0x80000001, block(get())),
       {answer()}},
      {"4.2 DATA of the largest size",
       open(1) + data(1, std::string(16384, 'x')) + data(1, "", true),
       {answer()}},
      {"4.2 DATA above the largest size", open(1) + data(1, std::string(16385, 'x')), {goaway({kFrameSize})}},
      {"4.2 HEADERS above the largest size",
       frame(kHeaders, kEndHeaders | kEndStream, 1, block(with(get(), {{"x", std::string(17000, 'x')}}))),
       {goaway({kFrameSize}), {kNotAnswered}}},
      {"4.2 SETTINGS above the largest size", settings(std::string(16386, '\0')), {goaway({kFrameSize})}},
      {"4.2 an unknown frame above the largest size",
       frame(0x42, 0, 0, std::string(16385, 'x')),
       {goaway({kFrameSize})}},
      {"5.5 an unknown frame inside a header block",
       frame(kHeaders, kEndStream, 1, block(get())) + frame(0x42, 0, 0, "") +
           frame(kContinuation, kEndHeaders, 1, ""),
       {goaway({kProtocol}), {kNotAnswered}}},
      {"5.4.1 after an error nothing is served",
       frame(kPing, 0, 1, "12345678") + request(1),
       {goaway({kProtocol}), {kNotAnswered}}},
  };
  return out;
}

std::vector<Case> compression_cases() {
  const std::string whole = block(get());
  std::vector<Case> out{
      {"4.3 index zero",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + "\x80"),
       {goaway({kCompression})}},
      {"4.3 an index out of the tables",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + "\xff\x7f"),
       {goaway({kCompression})}},
      {"4.3 a literal that is cut off",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + std::string("\x00\x05zz", 4)),
       {goaway({kCompression})}},
      {"4.3 an integer without end",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + std::string(12, '\xff')),
       {goaway({kCompression})}},
      {"4.3 Huffman padding that is no prefix of EOS",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + std::string("\x00\x01x\x81\x00", 5)),
       {goaway({kCompression})}},
      {"4.3 Huffman padding of a whole byte",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + std::string("\x00\x01x\x82\xff\xff", 6)),
       {goaway({kCompression})}},
      {"4.3 a table larger than SETTINGS allow",
       frame(kHeaders, kEndHeaders | kEndStream, 1, std::string("\x3f\xff\xff\x03", 4) + whole),
       {goaway({kCompression})}},
      {"4.3 a table size change after a field",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + "\x20"),
       {goaway({kCompression})}},
      {"4.3 the state is kept over streams",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + "\x40" + text("x-a") + text("1")) +
           frame(kHeaders, kEndHeaders | kEndStream, 3, whole + "\xbe"),
       {answer(1), answer(3)}},
      {"4.3 HEADERS inside another header block",
       frame(kHeaders, kEndStream, 1, whole) + request(3),
       {goaway({kProtocol})}},
      {"4.3 DATA inside a header block", frame(kHeaders, 0, 1, whole) + data(1, "x"), {goaway({kProtocol})}},
      {"4.3 CONTINUATION of another stream",
       frame(kHeaders, kEndStream, 1, whole) + frame(kContinuation, kEndHeaders, 3, ""),
       {goaway({kProtocol})}},
      {"6.10 a block in three pieces",
       frame(kHeaders, kEndStream, 1, whole.substr(0, 5)) + frame(kContinuation, 0, 1, whole.substr(5, 9)) +
           frame(kContinuation, kEndHeaders, 1, whole.substr(14)),
       {answer()}},
      {"6.10 CONTINUATION without HEADERS",
       frame(kContinuation, kEndHeaders, 1, whole),
       {goaway({kProtocol})}},
      {"6.10 CONTINUATION on stream 0",
       frame(kHeaders, kEndStream, 1, whole) + frame(kContinuation, kEndHeaders, 0, ""),
       {goaway({kProtocol})}},
      {"6.10 CONTINUATION after the block's end",
       request(1) + frame(kContinuation, kEndHeaders, 1, ""),
       {goaway({kProtocol, kStreamClosed})}},
      {"6.10 CONTINUATION after DATA",
       open(1) + data(1, "x") + frame(kContinuation, kEndHeaders, 1, ""),
       {goaway({kProtocol})}},
  };
  std::string flood = frame(kHeaders, kEndStream, 1, whole);
  for (int i = 0; i < 200; ++i) flood += frame(kContinuation, 0, 1, "");
  out.push_back({"10.5 CONTINUATION without end", flood, {goaway({kCalm, kProtocol}), {kNotAnswered}}});
  return out;
}

std::vector<Case> state_cases() {
  std::vector<Case> out{
      {"5.1 idle: DATA", data(1, "x"), {goaway({kProtocol, kStreamClosed})}},
      {"5.1 idle: RST_STREAM", frame(kRst, 0, 1, number(kCancel, 4)), {goaway({kProtocol})}},
      {"5.1 idle: WINDOW_UPDATE", frame(kWindow, 0, 1, number(1, 4)), {goaway({kProtocol})}},
      {"5.1 idle: PRIORITY is allowed",
       frame(kPriority, 0, 1, number(0, 4) + "\x10") + request(3),
       {answer(3)}},
      {"5.1 half-closed: DATA", request(1) + data(1, "x"), {goaway({kStreamClosed, kProtocol})}},
      {"5.1 half-closed: HEADERS", request(1) + request(1), {goaway({kStreamClosed, kProtocol})}},
      {"5.1 half-closed: WINDOW_UPDATE is allowed",
       request(1) + frame(kWindow, 0, 1, number(1, 4)) + request(3),
       {answer(1), answer(3)}},
      {"5.1 half-closed: RST_STREAM is allowed",
       request(1) + frame(kRst, 0, 1, number(kCancel, 4)) + request(3),
       {answer(3)}},
      {"5.1 closed: HEADERS after RST_STREAM",
       open(1) + frame(kRst, 0, 1, number(kCancel, 4)) +
           frame(kHeaders, kEndHeaders | kEndStream, 1, block(get())),
       {{kNotAnswered}}},
      {"5.1 closed: RST_STREAM does not answer RST_STREAM",
       open(1) + frame(kRst, 0, 1, number(kCancel, 4)) + request(3),
       {{kNotAnswered}, answer(3)}},
      {"5.1 a request with a body", open(1) + data(1, "abc") + data(1, "def", true), {answer()}},
      {"5.1 the end alone", open(1) + data(1, "", true), {answer()}},
      {"5.1.1 an even number", request(2), {goaway({kProtocol})}},
      {"5.1.1 a number that goes down", request(5) + request(3), {goaway({kProtocol, kStreamClosed})}},
      {"5.1.1 numbers may be left out", request(1) + request(7), {answer(1), answer(7)}},
      {"8.1 a HEAD request", request(1, changed(get(), ":method", "HEAD")), {answer()}},
  };
  std::string many;
  for (std::uint32_t i = 0; i < 11; ++i) many += open(2 * i + 1);
  out.push_back({"5.1.2 more streams than allowed", many, {rst({kRefused, kProtocol}, 21)}});
  std::string rapid;
  for (std::uint32_t i = 0; i < 100; ++i)
    rapid += open(2 * i + 1) + frame(kRst, 0, 2 * i + 1, number(kCancel, 4));
  out.push_back({"10.5 streams opened and reset without end", rapid, {goaway({kCalm, kProtocol})}});
  return out;
}

std::vector<Case> frame_cases() {
  std::vector<Case> out{
      {"6.1 DATA on stream 0", data(0, "x"), {goaway({kProtocol})}},
      {"6.1 padding",
       open(1) + frame(kData, kPadded | kEndStream, 1, std::string("\x03x\0\0\0", 5)),
       {answer()}},
      {"6.1 padding as long as the payload",
       open(1) + frame(kData, kPadded | kEndStream, 1, std::string("\x05x\0\0\0", 5)),
       {goaway({kProtocol})}},
      {"6.1 padding longer than the payload",
       open(1) + frame(kData, kPadded, 1, "\xffx"),
       {goaway({kProtocol})}},
      {"6.1 padded without a length",
       open(1) + frame(kData, kPadded, 1, ""),
       {goaway({kProtocol, kFrameSize})}},
      {"6.2 HEADERS on stream 0",
       frame(kHeaders, kEndHeaders | kEndStream, 0, block(get())),
       {goaway({kProtocol})}},
      {"6.2 padded HEADERS",
       frame(kHeaders, kEndHeaders | kEndStream | kPadded, 1, "\x02" + block(get()) + std::string(2, '\0')),
       {answer()}},
      {"6.2 padding as long as the payload",
       frame(kHeaders, kEndHeaders | kEndStream | kPadded, 1, "\xf0" + block(get())),
       {goaway({kProtocol})}},
      {"6.2 HEADERS with priority",
       frame(kHeaders, kEndHeaders | kEndStream | kWithPriority, 1, number(0, 4) + "\x10" + block(get())),
       {answer()}},
      {"6.3 PRIORITY on stream 0", frame(kPriority, 0, 0, number(0, 4) + "\x10"), {goaway({kProtocol})}},
      {"6.4 RST_STREAM on stream 0", frame(kRst, 0, 0, number(kCancel, 4)), {goaway({kProtocol})}},
      {"6.5 SETTINGS are acknowledged",
       settings(setting(3, 100)) + settings(),
       {{Expect::Kind::settings_acks, {}, 0, {}, 3}}},
      {"6.5 unknown settings are ignored", settings(setting(0x4242, 7)) + request(1), {answer()}},
      {"6.5 an acknowledgement with a payload",
       frame(kSettings, kAck, 0, setting(3, 1)),
       {goaway({kFrameSize})}},
      {"6.5 SETTINGS on a stream", frame(kSettings, 0, 1, setting(3, 1)), {goaway({kProtocol})}},
      {"6.5 the last value counts", settings(setting(4, 1) + setting(4, 65535)) + request(1), {answer()}},
      {"6.5.2 ENABLE_PUSH 0", settings(setting(2, 0)) + request(1), {answer()}},
      {"6.5.2 ENABLE_PUSH 2", settings(setting(2, 2)), {goaway({kProtocol})}},
      {"6.5.2 INITIAL_WINDOW_SIZE of 2^31", settings(setting(4, 0x80000000)), {goaway({kFlowControl})}},
      {"6.5.2 INITIAL_WINDOW_SIZE of 2^31-1", settings(setting(4, 0x7fffffff)) + request(1), {answer()}},
      {"6.5.2 MAX_FRAME_SIZE below 2^14", settings(setting(5, 16383)), {goaway({kProtocol})}},
      {"6.5.2 MAX_FRAME_SIZE of 2^24", settings(setting(5, 1U << 24)), {goaway({kProtocol})}},
      {"6.5.2 MAX_FRAME_SIZE of 2^24-1", settings(setting(5, (1U << 24) - 1)) + request(1), {answer()}},
      {"6.5.2 HEADER_TABLE_SIZE 0", settings(setting(1, 0)) + request(1), {answer()}},
      {"6.6 PUSH_PROMISE from a client",
       frame(kPush, kEndHeaders, 1, number(2, 4) + block(get())),
       {goaway({kProtocol})}},
      {"6.6 PUSH_PROMISE on an open stream",
       open(1) + frame(kPush, kEndHeaders, 1, number(2, 4) + block(get())),
       {goaway({kProtocol})}},
      {"6.7 PING is answered with its payload",
       frame(kPing, 0, 0, "abcdefgh"),
       {{Expect::Kind::ping_ack, {}, 0, "abcdefgh"}}},
      {"6.7 an acknowledged PING needs no answer",
       frame(kPing, kAck, 0, "abcdefgh") + request(1),
       {answer()}},
      {"6.7 PING on a stream", frame(kPing, 0, 1, "abcdefgh"), {goaway({kProtocol})}},
      {"6.8 GOAWAY on a stream", frame(kGoaway, 0, 1, number(0, 8)), {goaway({kProtocol})}},
      {"6.8 what was asked before GOAWAY is answered",
       request(1) + frame(kGoaway, 0, 0, number(0, 8)),
       {answer()}},
      {"6.9 no increment on the connection", frame(kWindow, 0, 0, number(0, 4)), {goaway({kProtocol})}},
      {"6.9 no increment on a stream", open(1) + frame(kWindow, 0, 1, number(0, 4)), {rst({kProtocol})}},
      {"6.9.1 the connection's window above 2^31-1",
       frame(kWindow, 0, 0, number(0x7fffffff, 4)),
       {goaway({kFlowControl})}},
      {"6.9.1 a stream's window above 2^31-1",
       open(1) + frame(kWindow, 0, 1, number(0x7fffffff, 4)),
       {rst({kFlowControl})}},
      {"6.9.2 a window above 2^31-1 by SETTINGS",
       open(1) + frame(kWindow, 0, 1, number(0x70000000, 4)) + settings(setting(4, 0x7fffffff)),
       {goaway({kFlowControl})}},
      {"6.9.2 a window may become negative",
       settings(setting(4, 10)) + open(1) + settings(setting(4, 0)) + data(1, "", true) +
           frame(kWindow, 0, 1, number(100, 4)),
       {answer()}},
  };
  return out;
}

// Frames of a fixed size in other sizes.
std::vector<Case> size_cases() {
  std::vector<Case> out;
  for (const std::size_t size : {0, 3, 5, 8})
    out.push_back({"6.4 RST_STREAM of " + std::to_string(size) + " bytes",
                   open(1) + frame(kRst, 0, 1, std::string(size, '\0')),
                   {goaway({kFrameSize})}});
  for (const std::size_t size : {1, 5, 7, 11})
    out.push_back({"6.5 SETTINGS of " + std::to_string(size) + " bytes",
                   settings(std::string(size, '\0')),
                   {goaway({kFrameSize})}});
  for (const std::size_t size : {0, 7, 9, 16})
    out.push_back({"6.7 PING of " + std::to_string(size) + " bytes",
                   frame(kPing, 0, 0, std::string(size, 'x')),
                   {goaway({kFrameSize})}});
  for (const std::size_t size : {0, 3, 5, 8})
    out.push_back({"6.9 WINDOW_UPDATE of " + std::to_string(size) + " bytes",
                   frame(kWindow, 0, 0, std::string(size, '\1')),
                   {goaway({kFrameSize})}});
  for (const std::size_t size : {0, 4, 7})
    out.push_back({"6.8 GOAWAY of " + std::to_string(size) + " bytes",
                   frame(kGoaway, 0, 0, std::string(size, '\0')),
                   {goaway({kFrameSize})}});
  for (const std::size_t size : {0, 4, 6})
    out.push_back({"6.3 PRIORITY of " + std::to_string(size) + " bytes",
                   open(1) + frame(kPriority, 0, 1, std::string(size, '\0')),
                   {goaway({kFrameSize})}});
  return out;
}

// Frames that cost their receiver more than their sender.
std::vector<Case> flood_cases() {
  std::vector<Case> out;
  std::string pings;
  std::string empties = open(1);
  std::string changes;
  for (int i = 0; i < 100; ++i) {
    pings += frame(kPing, 0, 0, "12345678");
    empties += data(1, "");
    changes += settings(setting(3, 100));
  }
  out.push_back({"10.5 PING without end", pings, {goaway({kCalm})}});
  out.push_back({"10.5 empty DATA without end", empties, {goaway({kCalm})}});
  out.push_back({"10.5 SETTINGS without end", changes, {goaway({kCalm})}});
  return out;
}

// Malformed requests are stream errors of type PROTOCOL_ERROR, or are answered with a 4xx (section 8.1.1).
void add_malformed(std::vector<Case>& out, const std::string& name, const Fields& fields) {
  out.push_back({name, request(1, fields), {rst({kProtocol})}});
}

std::vector<Case> message_cases() {
  std::vector<Case> out{
      {"8.1 trailers",
       open(1) + data(1, "x") + frame(kHeaders, kEndHeaders | kEndStream, 1, field("x-sum", "1")),
       {answer()}},
      {"8.1 trailers that do not end the stream",
       open(1) + frame(kHeaders, kEndHeaders, 1, field("x-sum", "1")),
       {rst({kProtocol})}},
      {"8.1 pseudo-fields in trailers",
       open(1) + frame(kHeaders, kEndHeaders | kEndStream, 1, field(":path", "/")),
       {rst({kProtocol})}},
      {"8.1.1 a body shorter than its length",
       open(1, with(post(), {{"content-length", "5"}})) + data(1, "abc", true),
       {rst({kProtocol})}},
      {"8.1.1 a body longer than its length",
       open(1, with(post(), {{"content-length", "2"}})) + data(1, "abc", true),
       {rst({kProtocol})}},
      {"8.1.1 no body where a length was said",
       request(1, with(post(), {{"content-length", "2"}})),
       {rst({kProtocol})}},
      {"8.1.1 a body as long as its length",
       open(1, with(post(), {{"content-length", "3"}})) + data(1, "a") + data(1, "bc", true),
       {answer()}},
      {"8.2.2 te: trailers is allowed", request(1, with(get(), {{"te", "trailers"}})), {answer()}},
      {"8.2.3 a cookie in crumbs",
       request(1, with(get(), {{"cookie", "a=1"}, {"cookie", "b=2"}})),
       {answer()}},
      {"8.3.1 OPTIONS *",
       request(1, changed(changed(get(), ":method", "OPTIONS"), ":path", "*")),
       {answer()}},
      {"8.3.1 a request without authority but with Host",
       request(1, with(without(get(), ":authority"), {{"host", "app"}})),
       {answer()}},
      {"8.5 CONNECT",
       frame(kHeaders, kEndHeaders, 1, block({{":method", "CONNECT"}, {":authority", "db:5432"}})) +
           data(1, "", true),
       {answer()}},
      {"8.1.1 the connection outlives a malformed request",
       request(1, with(get(), {{"connection", "close"}})) + request(3),
       {rst({kProtocol}), answer(3)}},
      {"10.3 more fields than a head may have are answered",
       request(1, with(get(), Fields(120, {"x-many", "1"}))),
       {answer()}},
  };
  for (const auto& [name, value] : Fields{{"connection", "close"},
                                          {"keep-alive", "5"},
                                          {"proxy-connection", "close"},
                                          {"transfer-encoding", "chunked"},
                                          {"upgrade", "h2c"}})
    add_malformed(out, "8.2.2 " + name, with(get(), {{name, value}}));
  for (const auto* te : {"gzip", "trailers, gzip", "chunked"})
    add_malformed(out, std::string("8.2.2 te: ") + te, with(get(), {{"te", te}}));
  for (const auto& name : {"X-Upper", "x-Upper", "ACCEPT"})
    add_malformed(out, std::string("8.2 name ") + name, with(get(), {{name, "1"}}));
  for (const char c : std::string(" \t\r\n\x01\x7f\x80\"(),/;<=>?@[\\]{}") + std::string(1, '\0'))
    add_malformed(out, "8.2.1 name with byte " + std::to_string(static_cast<unsigned char>(c)),
                  with(get(), {{std::string("x") + c + "y", "1"}}));
  add_malformed(out, "8.2.1 an empty name", with(get(), {{"", "1"}}));
  for (const char c : std::string("\r\n\x01\x7f") + std::string(1, '\0'))
    add_malformed(out, "8.2.1 value with byte " + std::to_string(static_cast<unsigned char>(c)),
                  with(get(), {{"x-a", std::string("a") + c + "b"}}));
  for (const auto* name : {":method", ":scheme", ":path"})
    add_malformed(out, std::string("8.3.1 without ") + name, without(get(), name));
  for (const auto& [name, value] : get())
    add_malformed(out, "8.3.1 twice " + name, with(get(), {{name, value}}));
  for (const auto& [name, value] : get()) {
    auto late = with(without(get(), name), {{"x-a", "1"}, {name, value}});
    add_malformed(out, "8.3 after a regular field " + name, late);
  }
  add_malformed(out, "8.3 an unknown pseudo-field", with({{":unknown", "1"}}, get()));
  add_malformed(out, "8.3 a pseudo-field of responses", with({{":status", "200"}}, get()));
  add_malformed(out, "8.3.1 an empty path", changed(get(), ":path", ""));
  add_malformed(out, "8.5 CONNECT with a path",
                {{":method", "CONNECT"}, {":authority", "a:1"}, {":path", "/"}});
  add_malformed(out, "8.5 CONNECT with a scheme",
                {{":method", "CONNECT"}, {":authority", "a:1"}, {":scheme", "http"}});
  add_malformed(out, "8.5 CONNECT without authority", {{":method", "CONNECT"}});
  return out;
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
