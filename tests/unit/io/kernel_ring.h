// A Ring on the kernel's io_uring, and the pieces that the loopback tests share.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "io/ring.h"
#include "io/scope.h"
#include "io/socket.h"
#include "io/task.h"
#include "io/uring_backend.h"

namespace sluice::io {

inline std::unique_ptr<Ring> kernel_ring(const UringOptions& options = {}) {
  auto backend = make_uring_backend(options);
  if (!backend) {
    ADD_FAILURE() << backend.error().message << " (" << backend.error().next_step << ")";
    return nullptr;
  }
  return std::make_unique<Ring>(std::move(*backend));
}

inline SocketAddr any_port() {
  return *SocketAddr::parse("127.0.0.1:0");
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline std::string text_of(const Chunk& chunk) {
  return {reinterpret_cast<const char*>(chunk.bytes().data()), chunk.size()};
}

// A connected pair over `at`.
struct Pair {
  Socket client;
  Socket server;
};

inline Task<> accept_into(Listener* listener, Socket* out) {
  auto accepted = co_await listener->accept();
  EXPECT_TRUE(accepted);
  if (accepted) *out = std::move(*accepted);
}

inline Task<Pair> connected_pair(Ring* ring) {
  Pair pair;
  auto listener = ring->listen(any_port());
  EXPECT_TRUE(listener);
  const SocketAddr at = listener->local_address();
  auto client = ring->open_socket(at);
  EXPECT_TRUE(client);
  Scope scope;
  scope.spawn(accept_into(&*listener, &pair.server));
  auto connected = co_await client->connect(at);
  EXPECT_TRUE(connected);
  co_await scope.join();
  pair.client = std::move(*client);
  co_return pair;
}

// Everything until the end of the stream.
inline Task<Result<std::string>> read_all(Socket* socket) {
  std::string all;
  for (;;) {
    auto chunk = co_await socket->recv();
    if (!chunk) co_return std::unexpected(chunk.error());
    if (chunk->empty()) co_return all;
    all += text_of(*chunk);
  }
}

inline void run(Ring& ring, Task<> task) {
  auto finished = ring.run_task(std::move(task));
  ASSERT_TRUE(finished) << finished.error().message;
  ASSERT_TRUE(*finished);
}

}  // namespace sluice::io
