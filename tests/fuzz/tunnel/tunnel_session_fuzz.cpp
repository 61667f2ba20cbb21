// A hostile far end of a tunnel. First byte: odd = we are the client, and how the bytes are cut into pieces.
// Whatever comes, memory stays within the limits, an announced request has both addresses, and a failed
// session says GOAWAY.
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string_view>

#include "tunnel/session.h"

namespace {

using sluice::MonoTime;
using sluice::Nanos;
using namespace sluice::tunnel;

constexpr SessionLimits kLimits{
    .streams_max = 8, .stream_window = 65535, .send_buffer = 4096, .control_burst = 50};

void require(bool holds) {
  if (!holds) std::abort();
}

// Answers, echoes or resets by the stream's number, so that every path is walked.
void react(Session& session, const Event& event, Role role) {
  const auto id = event.stream;
  if (event.kind == Event::Kind::opened) {
    require(role == Role::server);
    require(event.request.client.port != 0 && event.request.destination.port != 0);
    if (id % 5 == 0) session.reset(id, sluice::Error{sluice::Reason::permission_denied});
    if (id % 5 == 1) session.answer(id);
  }
  if (event.kind == Event::Kind::readable && id % 3 != 0) {
    const auto chunk = session.read(id, 1 << 20);
    require(chunk.size() <= kLimits.stream_window);
    (void)session.write(id, chunk.bytes());
    if (session.ended(id)) session.finish(id);
  }
  if (event.kind == Event::Kind::failed || id % 7 == 0) session.release(id);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const Role role = data[0] % 2 == 1 ? Role::client : Role::server;
  const std::size_t piece = std::size_t{data[0]} + 1;
  auto rest = std::as_bytes(std::span(data, size)).subspan(1);
  Session session(role, kLimits);
  constexpr std::string_view kPreface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  if (role == Role::server)
    require(session.feed(std::as_bytes(std::span(kPreface)), MonoTime(Nanos(1))).has_value());
  if (role == Role::client)
    for (int i = 0; i < 3; ++i)
      (void)session.open(
          {*sluice::SocketAddr::parse("10.0.0.2:80"), *sluice::SocketAddr::parse("10.0.0.1:9")});
  while (!rest.empty()) {
    const auto now = rest.first(std::min(piece, rest.size()));
    rest = rest.subspan(now.size());
    const auto fed = session.feed(now, MonoTime(Nanos(1)));
    while (const auto event = session.next_event()) react(session, *event, role);
    require(session.streams() <= 2 * kLimits.streams_max);
    (void)session.take_output(1 << 14);
    if (!fed) break;
    (void)session.rest();
  }
  while (!session.take_output(1 << 16).empty()) {
  }
  return 0;
}
