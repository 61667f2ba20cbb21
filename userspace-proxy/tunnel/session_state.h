// The inside of Session, shared by session.cpp (what its owner does) and session_callbacks.cpp (what nghttp2
// reports).
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/flood_guard.h"
#include "io/byte_queue.h"
#include "tunnel/frame_boundary.h"
#include "tunnel/frame_buffer.h"
#include "tunnel/session.h"

namespace sluice::tunnel {

struct StreamState {
  RequestHeaders headers;        // server: while the request arrives
  std::size_t header_bytes = 0;  // client: of the response
  io::ByteQueue received;
  io::ByteQueue to_send;
  std::uint64_t written = 0;  // bytes that write() took
  bool announced = false;     // server: `opened` was reported; client: open() was called
  bool answered = false;
  bool finishing = false;  // nothing more will be written
  bool end_sent = false;
  bool end_received = false;
  bool heard_out = false;
  bool full = false;  // write() took less than it was given
  bool released = false;
  bool reset_by_us = false;
  std::uint32_t reset_owed = 0;  // the code of a reset that goes out behind to_send; 0: none
  bool malformed = false;        // server: the request will be refused
  bool closed = false;           // nghttp2 has forgotten it
};

struct SessionFree {
  void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
};

// What a server's session keeps of nghttp2's while it rests (session_rest.cpp).
struct RestingState {
  std::array<nghttp2_settings_entry, 5> remote_settings;
  std::int32_t remote_window;
};

// Out of memory is the only way that constructors of nghttp2 fail; it ends the process, as everywhere.
template <typename T>
T* made(T* pointer) {
  if (pointer == nullptr) std::abort();
  return pointer;
}

struct Session::State {
  State(Role own_role, const SessionLimits& own_limits)
      : role(own_role),
        limits(own_limits),
        boundary(role == Role::server ? NGHTTP2_CLIENT_MAGIC_LEN : 0),
        control(limits.control_burst, limits.control_per_second),
        resets(limits.reset_burst, limits.reset_per_second) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  StreamState* find(StreamId id) {
    const auto found = streams.find(id);
    return found == streams.end() ? nullptr : &found->second;
  }
  void put(std::span<const std::byte> bytes) {
    if (out.capacity() == 0) out.reserve(std::max(out_usual, bytes.size()));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  // At most bulk_streams hold more than send_buffer: each was one of few when it was given that much.
  std::size_t buffer_of(const StreamState& stream) const {
    const bool bulk = stream.written >= limits.bulk_after && streams.size() <= limits.bulk_streams;
    return bulk ? limits.bulk_buffer : limits.send_buffer;
  }
  void report(Event event) { events.push_back(event); }
  // Ends one stream because the peer broke a rule on it.
  void refuse(StreamId id) { nghttp2_submit_rst_stream(session.get(), 0, id, NGHTTP2_PROTOCOL_ERROR); }
  void forget_if_over(StreamId id) {
    const auto* stream = find(id);
    if (stream != nullptr && stream->closed && stream->released) streams.erase(id);
  }
  // Makes nghttp2's session, with our settings waiting to be sent. A peer that once said it keeps no table of
  // header fields (`fields_settled`) is not asked again: it would have to say so again.
  void make_session(bool fields_settled);
  // nghttp2's session, awake.
  nghttp2_session* awake();
  // The peer sends too much of what costs us: ends the session.
  // Returns what the callback that noticed returns.
  int flood();

  const Role role;
  const SessionLimits limits;
  FrameBufferLender frame_buffer;
  std::unique_ptr<nghttp2_session, SessionFree> session;  // null: it rests
  FrameBoundary boundary;
  RestingState resting{};
  bool waking = false;             // what nghttp2 reports was reported before
  bool settings_received = false;  // the peer's
  bool settings_acked = false;     // ours, by the peer
  StreamId last_stream = 0;        // the highest that the peer has sent headers on
  std::unordered_map<StreamId, StreamState> streams;
  std::vector<Event> events;  // from next_event on; emptied when all are taken
  std::size_t next_event = 0;
  std::vector<std::byte> out;  // filled during take_output
  std::size_t out_usual = 0;   // what is set aside for the next
  std::size_t out_max = 0;
  FloodGuard control;
  FloodGuard resets;
  MonoTime now{};
  bool drain_announced = false;
  bool drain_sent = false;
  bool drain_received = false;
  bool broken = false;  // the session ended with an error of the peer or of the protocol
};

// Fills the callbacks of a new session.
struct SessionCallbacks {
  static void install(nghttp2_session_callbacks* callbacks);
  // Of the data provider: how much of a stream's output goes into the next DATA frame.
  static ssize_t next_data(nghttp2_session* session, std::int32_t id, std::uint8_t* buffer,
                           std::size_t length, std::uint32_t* flags, nghttp2_data_source* source, void* user);

 private:
  static Session::State& of(void* user) { return *static_cast<Session::State*>(user); }
  static void request_complete(Session::State& state, StreamId id);
  static void response_complete(Session::State& state, StreamId id);
  static int begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t flags, void* user);
  static int frame_begun(nghttp2_session* session, const nghttp2_frame_hd* header, void* user);
  static int frame_received(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int data_received(nghttp2_session* session, std::uint8_t flags, std::int32_t id,
                           const std::uint8_t* data, std::size_t size, void* user);
  static int send_data(nghttp2_session* session, nghttp2_frame* frame, const std::uint8_t* frame_header,
                       std::size_t length, nghttp2_data_source* source, void* user);
  static int frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int stream_closed(nghttp2_session* session, std::int32_t id, std::uint32_t code, void* user);
};

}  // namespace sluice::tunnel
