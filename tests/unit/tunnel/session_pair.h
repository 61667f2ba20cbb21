// Two sessions back to back in memory: what one sends the other is fed, until both are quiet.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tunnel/session.h"

namespace sluice::tunnel {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline StreamRequest request_of(const char* destination = "10.0.0.2:80",
                                const char* client = "10.0.0.1:4711") {
  return {*SocketAddr::parse(destination), *SocketAddr::parse(client)};
}

struct SessionPair {
  explicit SessionPair(SessionLimits limits = {})
      : client(Role::client, limits), server(Role::server, limits) {
    settle();
  }

  // Errors of feed() are kept in client_result and server_result.
  void settle() {
    for (bool moved = true; moved;) {
      const auto up = client.take_output(1 << 16);
      const auto down = server.take_output(1 << 16);
      moved = !up.empty() || !down.empty();
      if (!up.empty() && server_result) server_result = server.feed(up, now);
      if (!down.empty() && client_result) client_result = client.feed(down, now);
    }
  }
  // The next event of this kind, others are dropped.
  static std::optional<Event> next(Session& session, Event::Kind kind) {
    while (auto event = session.next_event())
      if (event->kind == kind) return event;
    return std::nullopt;
  }
  static std::string read_all(Session& session, StreamId stream) {
    std::string all;
    for (auto chunk = session.read(stream, 1 << 16); !chunk.empty(); chunk = session.read(stream, 1 << 16))
      all.append(reinterpret_cast<const char*>(chunk.bytes().data()), chunk.size());
    return all;
  }

  Session client;
  Session server;
  MonoTime now{std::chrono::seconds(1000)};
  Result<> client_result;
  Result<> server_result;
};

}  // namespace sluice::tunnel
