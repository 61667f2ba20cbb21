// Session: one end of a tunnel as a state machine over nghttp2; bytes in, bytes out, no socket, no clock of
// its own. Every application connection is a CONNECT stream with flow control of its own.
//
// Flow control: the connection's window is given back as soon as bytes arrive, so it never closes; a stream's
// window is given back as the application reads. A reader that stops therefore holds at most `stream_window`
// bytes here, and its neighbours go on. A stream that has sent `bulk_after` bytes gets a larger buffer while
// the session has few streams: fewer sends and wakeups per byte. Memory of one session:
// streams_max * (stream_window + send_buffer) + bulk_streams * bulk_buffer.
//
// Bad input: a malformed request ends that stream (RST_STREAM), a broken frame, a flood or an oversized
// header block ends the session (GOAWAY, tunnel_protocol_error).
//
// Not re-entrant; events are queued and taken with next_event().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "io/buffer.h"
#include "tunnel/error_code.h"
#include "tunnel/stream_request.h"

namespace sluice::tunnel {

struct SessionLimits {
  std::uint32_t streams_max = 256;
  std::uint32_t stream_window = 256 * 1024;
  std::uint32_t connection_window = 16 * 1024 * 1024;
  std::uint32_t send_buffer = 64 * 1024;  // of one stream, before write() takes less than it is given
  std::uint32_t bulk_after = 1024 * 1024;
  std::uint32_t bulk_buffer = 256 * 1024;
  std::uint32_t bulk_streams = 4;      // with more in the session, none has the larger buffer
  std::uint32_t header_bytes = 4096;   // of one request or response
  std::uint32_t control_burst = 1000;  // PING, SETTINGS, PRIORITY, empty DATA and unknown frames at once
  std::uint32_t control_per_second = 100;
  std::uint32_t reset_burst = 2000;  // streams that the peer opened and reset at once
  std::uint32_t reset_per_second = 500;
};

using StreamId = std::int32_t;

struct Event {
  enum class Kind : std::uint8_t {
    opened,    // server: a well-formed request arrived; answer(), write() or reset() it, release() in the end
    refused,   // server: a request arrived that is none, and was reset; `error` says why
    answered,  // client: the server's side is connected
    readable,  // bytes or the end arrived where there was nothing before
    writable,  // write() takes bytes again
    failed,    // the stream is gone, `error` says why
  };
  Kind kind{};
  StreamId stream = 0;
  StreamRequest request{};
  Error error{};
};

class Session {
 public:
  Session(Role role, const SessionLimits& limits);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  // --- the connection's side
  // An error is final: send what take_output() still gives (GOAWAY) and close.
  Result<> feed(std::span<const std::byte> bytes, MonoTime now);
  // At most about `max` bytes to send; empty when there is nothing to do.
  std::vector<std::byte> take_output(std::size_t max);
  bool wants_output() const;
  // Nothing more will come or go: all streams ended after a GOAWAY, or the session failed and has said so.
  bool closed() const;
  // Tells the peer that no new stream is served; open ones go on.
  void drain();
  // Server: asks the peer to open no further stream, and serves those that cross with this (RFC 9113 section
  // 6.8); drain() follows a round trip later.
  void announce_drain();
  // This end or the other drains: open() fails.
  bool draining() const;
  void ping();
  // Server. Between streams, gives most of its memory back; whatever comes next wakes it. False: not now.
  bool rest();
  bool resting() const;
  std::optional<Event> next_event();

  // --- streams
  // Client. Bytes may be written at once. Fails with tunnel_lost when draining or when stream numbers are
  // used up, with limit_connections when the peer takes no more streams at present.
  Result<StreamId> open(const StreamRequest& request);
  // Server: the connection to the application stands. write() and finish() imply it.
  void answer(StreamId stream);
  // Takes what fits into the stream's send buffer and returns how much; 0 for a stream that is gone. A
  // `writable` event follows when it took less than it was given.
  std::size_t write(StreamId stream, std::span<const std::byte> bytes);
  // After the bytes written so far comes the end.
  void finish(StreamId stream);
  // Up to `max` of the bytes that arrived, and gives their window back. Empty and !ended(): nothing yet.
  io::Chunk read(StreamId stream, std::size_t max);
  // Every byte before the peer's end has been read.
  bool ended(StreamId stream) const;
  // The peer ended its side and gave the stream up: what it sent may still be read, nothing can be sent.
  bool heard_out(StreamId stream) const;
  bool failed(StreamId stream) const;
  void reset(StreamId stream, const Error& why);
  // The caller is done with it. Output that waits still goes out if it was finished; else the stream is
  // reset.
  void release(StreamId stream);

  // Both ends have said all and have heard all, though it may not have been read here yet.
  bool finished(StreamId id) const;
  bool all_finished() const;
  std::size_t streams() const;       // not released or not over
  std::size_t streams_room() const;  // how many more open() the peer allows now

 private:
  friend struct SessionCallbacks;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::tunnel
