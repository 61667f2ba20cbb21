// A hostile peer of HTTP/2, as client (first byte even) or as server (odd). The bytes come in pieces of the
// size that the first byte says, and then the peer closes. Held: everything ends, by itself and with little
// memory; every head that comes through reads as HTTP/1.1 does.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "codec/h2_client.h"
#include "codec/h2_server.h"
#include "io/scope.h"
#include "tests/support/sim_ring.h"

namespace {

using namespace sluice;
using namespace sluice::codec;

void require(bool holds) {
  if (!holds) std::abort();
}

class Peer final : public io::Stream {
 public:
  Peer(std::string_view bytes, std::size_t piece) : bytes_(bytes), piece_(piece) {}
  io::Task<Result<io::Chunk>> read() override {
    if (reset_) co_return std::unexpected(*reset_);
    const auto part = bytes_.substr(0, piece_);
    bytes_.remove_prefix(part.size());
    co_return io::Chunk::copy_of(std::as_bytes(std::span(part)));
  }
  io::Task<Result<>> write(io::Chunk chunk) override { co_return co_await write(chunk.bytes()); }
  io::Task<Result<>> write(std::span<const std::byte> bytes) override {
    written_ += bytes.size();
    // What it costs us may not grow without bound beside what it costs the peer.
    require(written_ < (std::size_t{16} << 20));
    if (reset_) co_return std::unexpected(*reset_);
    co_return Result<>();
  }
  io::Task<Result<>> finish() override { co_return Result<>(); }
  void reset(Error why) override { reset_ = why; }

 private:
  std::string_view bytes_;
  std::size_t piece_;
  std::size_t written_ = 0;
  std::optional<Error> reset_;
};

io::Task<void> echo(std::unique_ptr<ServerStream> stream) {
  const http::Request& request = stream->request();
  http::HeadReader reader{http::HeadReader::Kind::request};
  const auto again = http::read_request(reader, request.head);
  require(again && *again && (*again)->method == request.method);
  const std::string text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  http::HeadReader answer_reader{http::HeadReader::Kind::response};
  const auto answer = http::read_response(answer_reader, text, {});
  if (!co_await stream->answer(**answer, {}, false)) co_return;
  while (true) {
    auto part = co_await stream->read_body();
    if (!part) co_return;
    const bool last = part->last;
    if (!part->data.empty() && !co_await stream->write_body(std::move(part->data))) co_return;
    if (last) break;
  }
  (void)co_await stream->finish("x-end: 1\r\n");
}

io::Task<void> serve(io::Ring* ring, Peer* peer) {
  H2ServerSession session(*ring, *peer, {}, {});
  io::Scope streams;
  while (true) {
    auto stream = co_await session.next();
    if (!stream || !*stream) break;
    streams.spawn(echo(std::move(*stream)));
  }
  streams.cancel();
  co_await streams.join();
  co_await session.close();
}

io::Task<void> ask(ClientSession* session) {
  const std::string text = "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
  http::HeadReader reader{http::HeadReader::Kind::request};
  const auto request = http::read_request(reader, text);
  const auto stream = session->open();
  if (!co_await stream->send(**request, {}, false)) co_return;
  if (!co_await stream->finish("x-end: 1\r\n")) co_return;
  while (true) {
    const auto response = co_await stream->answer();
    if (!response) co_return;
    http::HeadReader again_reader{http::HeadReader::Kind::response};
    const auto again = http::read_response(again_reader, (*response)->head, {});
    require(again && *again && (*again)->status == (*response)->status);
    if (!(*response)->interim()) break;
  }
  while (true) {
    const auto part = co_await stream->read_body();
    if (!part || part->last) co_return;
  }
}

io::Task<void> run(ClientSession* session) {
  co_await session->run();
}

io::Task<void> call(io::Ring* ring, std::unique_ptr<io::Stream> peer) {
  H2ClientSession session(*ring, std::move(peer), {});
  io::Scope runner;
  io::Scope streams;
  for (int i = 0; i < 3 && session.room() > 0; ++i) streams.spawn(ask(&session));
  runner.spawn(run(&session));
  co_await runner.join();
  streams.cancel();
  co_await streams.join();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece = 1 + (data[0] >> 1) * std::size_t{8};
  io::SimRing sim(1);
  bool ended = false;
  if ((data[0] & 1) == 0) {
    const std::string whole = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(bytes);
    Peer peer(whole, piece);
    ended = sim.ring().run_task(serve(&sim.ring(), &peer)).value_or(false);
  } else {
    ended = sim.ring().run_task(call(&sim.ring(), std::make_unique<Peer>(bytes, piece))).value_or(false);
  }
  require(ended);
  return 0;
}
