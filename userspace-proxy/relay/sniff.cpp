#include "relay/sniff.h"

#include <algorithm>
#include <optional>

#include "io/ring.h"
#include "io/scope.h"

namespace sluice::relay {
namespace {

struct Sniffing {
  io::Socket& socket;
  FirstBytes first;
  std::optional<Error> error;
  bool decided = false;
  io::Scope reading;  // cancelled by the clock; the socket stays fit for use
};

// True when the bytes so far settle the question.
bool judge(FirstBytes& first) {
  first.hello = tls::sniff_client_hello(first.bytes);
  switch (first.hello.kind) {
    case tls::HelloKind::mesh_tls:
      first.kind = FirstBytes::Kind::mesh_tls;
      return true;
    case tls::HelloKind::other_tls:
      first.kind = FirstBytes::Kind::application_tls;
      return true;
    case tls::HelloKind::not_tls:
      first.kind = FirstBytes::Kind::plaintext;
      return true;
    case tls::HelloKind::need_more:
      first.kind = FirstBytes::Kind::partial;
      return false;
  }
  return false;
}

io::Task<void> read_first(Sniffing& sniffing) {
  FirstBytes& first = sniffing.first;
  while (!sniffing.decided) {
    auto chunk = co_await sniffing.socket.recv();
    if (!chunk) {
      sniffing.error = chunk.error();
      co_return;
    }
    if (chunk->empty()) {
      // Whoever stops in the middle of a ClientHello is no TLS client.
      first.kind = first.bytes.empty() ? FirstBytes::Kind::ended : FirstBytes::Kind::plaintext;
      sniffing.decided = true;
      co_return;
    }
    first.bytes.insert(first.bytes.end(), chunk->bytes().begin(), chunk->bytes().end());
    sniffing.decided = judge(first);
  }
}

io::Task<void> watch_clock(Sniffing& sniffing, MonoTime silent_until, MonoTime limit) {
  io::Ring& ring = sniffing.socket.ring();
  auto slept = co_await ring.sleep_until(silent_until);
  if (slept && !sniffing.first.bytes.empty()) slept = co_await ring.sleep_until(limit);
  if (slept) sniffing.reading.cancel();
}

}  // namespace

io::Task<Result<FirstBytes>> sniff(io::Socket& socket, Nanos silence, Nanos limit) {
  const MonoTime start = socket.ring().now();
  Sniffing sniffing{.socket = socket, .first = {}, .error = {}, .decided = false, .reading = {}};
  io::Scope clock;
  sniffing.reading.spawn(read_first(sniffing));
  clock.spawn(watch_clock(sniffing, start + std::min(silence, limit), start + limit));
  co_await sniffing.reading.join();
  const bool late = !sniffing.decided && sniffing.reading.cancelled() && clock.live() == 0;
  clock.cancel();
  co_await clock.join();
  if (sniffing.error && !late) co_return std::unexpected(*sniffing.error);
  co_return std::move(sniffing.first);
}

}  // namespace sluice::relay
