// A tunnel's server and what it serves, on the simulated network. Each stream echoes, except that the first
// letter of its first bytes may say otherwise: 'S' swallows slowly (never reads on), 'B' answers with a
// megabyte, 'E' says "bye", ends and reads no more, 'L' says "bye", ends, and reads the rest late.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "io/scope.h"
#include "tests/support/sim_ring.h"
#include "tunnel/pool.h"
#include "tunnel/tunnel.h"

namespace sluice::tunnel {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}
inline SocketAddr server_address() {
  return *SocketAddr::parse("10.0.0.2:80");
}
inline StreamRequest request_from(const char* client = "10.0.0.1:4711") {
  return {server_address(), *SocketAddr::parse(client)};
}

class EchoHandler final : public StreamHandler {
 public:
  explicit EchoHandler(io::Ring& ring) : ring_(ring), never_(ring) {}
  std::optional<Error> check(const StreamRequest& request) override {
    // The tunnel's peer has proved to be 10.0.0.1.
    if (request.client.ip == *IpAddr::parse("10.0.0.1") && request.destination == server_address())
      return std::nullopt;
    return Error{Reason::tunnel_forged, Origin::downstream, 0, "tunnel request"};
  }
  void refused(const Error& why) override { refusals.push_back(why.reason); }
  io::Task<void> serve(std::unique_ptr<TunnelStream> stream, StreamRequest) override {
    if (refuse) {
      stream->reset(*refuse);
      co_return;
    }
    stream->answer();
    for (bool first = true;; first = false) {
      auto chunk = co_await stream->read();
      if (!chunk) co_return;
      if (chunk->empty()) break;
      const char kind = static_cast<char>(chunk->bytes()[0]);
      if (first && kind == 'S') {
        (void)co_await never_.wait();
        co_return;
      }
      if (first && kind == 'E') {
        (void)co_await stream->write(bytes_of("bye"));
        break;
      }
      if (first && kind == 'L') {
        (void)co_await stream->write(bytes_of("bye"));
        (void)co_await stream->finish();
        (void)co_await ring_.sleep_for(Millis(500));
        co_return co_await read_late(stream.get(), chunk->size());
      }
      if (first && kind == 'B') *chunk = io::Chunk::copy_of(bytes_of(std::string(1 << 20, 'b')));
      if (!co_await stream->write(std::move(*chunk))) co_return;
    }
    (void)co_await stream->finish();
  }
  std::vector<Reason> refusals;  // of requests that were none
  std::optional<Error> refuse;
  std::weak_ptr<Tunnel> served;  // the newest
  std::size_t heard_late = 0;    // bytes of an 'L' that came whole, its end included

 private:
  io::Task<void> read_late(TunnelStream* stream, std::size_t heard) {
    for (;;) {
      const auto chunk = co_await stream->read();
      if (!chunk) co_return;
      if (chunk->empty()) break;
      heard += chunk->size();
    }
    heard_late = heard;
  }

  io::Ring& ring_;
  io::Signal never_;
};

// Accepts connections and runs a tunnel on each until cancelled.
inline io::Task<void> run_server_tunnel(io::Ring* ring, io::Socket socket, EchoHandler* handler,
                                        TunnelLimits limits) {
  auto tunnel = Tunnel::make(*ring, std::make_unique<io::SocketStream>(std::move(socket)), Role::server,
                             limits, handler);
  handler->served = tunnel;
  (void)co_await tunnel->run();
}

inline io::Task<void> accept_tunnels(io::Ring* ring, io::Listener* listener, EchoHandler* handler,
                                     TunnelLimits limits) {
  io::Scope tunnels;
  for (;;) {
    auto accepted = co_await listener->accept();
    if (!accepted) break;
    tunnels.spawn(run_server_tunnel(ring, std::move(*accepted), handler, limits));
  }
  tunnels.cancel();
  co_await tunnels.join();
}

inline io::Task<Result<std::unique_ptr<io::Stream>>> dial_server(io::Ring* ring) {
  auto socket = ring->open_socket(server_address());
  if (!socket) co_return std::unexpected(socket.error());
  auto connected = co_await socket->connect(server_address());
  if (!connected) co_return std::unexpected(connected.error());
  co_return std::make_unique<io::SocketStream>(std::move(*socket));
}

// Sends all, finishes, and reads to the end.
inline io::Task<void> write_and_finish(io::Stream* stream, std::string text) {
  if (!co_await stream->write(bytes_of(text))) co_return;
  (void)co_await stream->finish();
}

inline io::Task<Result<std::string>> converse(io::Stream* stream, std::string text) {
  io::Scope writer;
  writer.spawn(write_and_finish(stream, std::move(text)));
  std::string all;
  Result<> outcome;
  for (;;) {
    auto chunk = co_await stream->read();
    if (!chunk) outcome = std::unexpected(chunk.error());
    if (!chunk || chunk->empty()) break;
    all.append(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
  }
  co_await writer.join();
  if (!outcome) co_return std::unexpected(outcome.error());
  co_return all;
}

}  // namespace sluice::tunnel
