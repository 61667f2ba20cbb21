// What nghttp2 reports to a Session. A callback returns 0, or an nghttp2 error that ends the stream
// (NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE) or the session (NGHTTP2_ERR_CALLBACK_FAILURE).
#include <algorithm>
#include <cerrno>
#include <utility>

#include "tunnel/session_state.h"

namespace sluice::tunnel {
void SessionCallbacks::install(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, frame_begun);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_received);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_received);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frame_sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_closed);
}

int SessionCallbacks::frame_begun(nghttp2_session*, const nghttp2_frame_hd* header, void* user) {
  auto& state = of(user);
  if (state.waking) return 0;
  const bool ack = (header->flags & NGHTTP2_FLAG_ACK) != 0;
  if (header->type == NGHTTP2_HEADERS) state.last_stream = std::max(state.last_stream, header->stream_id);
  bool costs = false;
  switch (header->type) {
    case NGHTTP2_DATA:
      costs = header->length == 0 && (header->flags & NGHTTP2_FLAG_END_STREAM) == 0;
      break;
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
      costs = !ack;
      break;
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
    case NGHTTP2_RST_STREAM:     // counted when complete
    case NGHTTP2_WINDOW_UPDATE:  // cheap, and honest peers send many
    case NGHTTP2_GOAWAY:
      break;
    default:
      costs = true;
  }
  return costs && !state.control.take(state.now) ? state.flood() : 0;
}

int SessionCallbacks::begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& state = of(user);
  if (state.waking || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  // nghttp2 bounds the open streams; this bounds those that ended and whose handlers have not noticed yet.
  if (state.streams.size() >= std::size_t{2} * state.limits.streams_max)
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  state.streams[frame->hd.stream_id];
  return 0;
}

int SessionCallbacks::header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                             std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                             std::uint8_t, void* user) {
  auto& state = of(user);
  auto* stream = state.find(frame->hd.stream_id);
  if (stream == nullptr) return 0;
  const auto text = [](const std::uint8_t* data, std::size_t size) {
    return std::string_view(reinterpret_cast<const char*>(data), size);
  };
  stream->header_bytes += name_size + value_size;
  // HPACK lets one byte stand for 4 KiB: beyond this the block is an attack, not a mistake.
  if (stream->header_bytes > std::size_t{16} * state.limits.header_bytes) return state.flood();
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    if (!stream->malformed)
      stream->malformed =
          !stream->headers.add(text(name, name_size), text(value, value_size), state.limits.header_bytes);
  } else if (text(name, name_size) == ":status") {
    stream->malformed = text(value, value_size) != "200";
  }
  return 0;
}

void SessionCallbacks::request_complete(Session::State& state, StreamId id) {
  auto* stream = state.find(id);
  if (stream == nullptr) return;
  const auto request = stream->headers.request();
  if (stream->malformed || !request) {
    state.report({.kind = Event::Kind::refused,
                  .stream = id,
                  .error = {Reason::tunnel_protocol_error, Origin::downstream, 0, "tunnel request"}});
    return state.refuse(id);
  }
  stream->announced = true;
  state.report({.kind = Event::Kind::opened, .stream = id, .request = *request});
}

void SessionCallbacks::response_complete(Session::State& state, StreamId id) {
  auto* stream = state.find(id);
  if (stream == nullptr || stream->answered) return;
  if (stream->malformed) return state.refuse(id);
  stream->answered = true;
  state.report({.kind = Event::Kind::answered, .stream = id});
}

int SessionCallbacks::frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& state = of(user);
  if (state.waking) return 0;
  const StreamId id = frame->hd.stream_id;
  if (frame->hd.type == NGHTTP2_GOAWAY) state.drain_received = true;
  if (frame->hd.type == NGHTTP2_SETTINGS)
    ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 ? state.settings_acked : state.settings_received) = true;
  if (frame->hd.type == NGHTTP2_RST_STREAM && state.role == Role::server && !state.resets.take(state.now))
    return state.flood();
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
    request_complete(state, id);
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_RESPONSE)
    response_complete(state, id);
  const bool may_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
  if (!may_end || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  if (auto* stream = state.find(id)) {
    stream->end_received = true;
    if (stream->announced) state.report({.kind = Event::Kind::readable, .stream = id});
  }
  return 0;
}

int SessionCallbacks::data_received(nghttp2_session* session, std::uint8_t, std::int32_t id,
                                    const std::uint8_t* data, std::size_t size, void* user) {
  auto& state = of(user);
  // The connection's window never closes; back-pressure is the stream's.
  nghttp2_session_consume_connection(session, size);
  auto* stream = state.find(id);
  if (stream == nullptr || stream->released || stream->reset_by_us || !stream->announced) {
    nghttp2_session_consume_stream(session, id, size);
    return 0;
  }
  const bool first = stream->received.empty();
  stream->received.push(std::as_bytes(std::span(data, size)));
  if (first) state.report({.kind = Event::Kind::readable, .stream = id});
  return 0;
}

ssize_t SessionCallbacks::next_data(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t length,
                                    std::uint32_t* flags, nghttp2_data_source*, void* user) {
  const auto* stream = of(user).find(id);
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const std::size_t size = std::min(length, stream->to_send.size());
  if (size == stream->to_send.size() && stream->finishing) *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (size > 0)
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  else if (!stream->finishing)
    return NGHTTP2_ERR_DEFERRED;
  return static_cast<ssize_t>(size);
}

int SessionCallbacks::send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* frame_header,
                                std::size_t length, nghttp2_data_source*, void* user) {
  constexpr std::size_t kFrameHeader = 9;
  auto& state = of(user);
  const StreamId id = frame->hd.stream_id;
  auto* stream = state.find(id);
  if (stream == nullptr || stream->to_send.size() < length) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const auto head = std::as_bytes(std::span(frame_header, kFrameHeader));
  const auto body = stream->to_send.front(length);
  if (state.out.capacity() - state.out.size() < head.size() + body.size()) {
    // Room for all that waits, as far as it is taken now: a vector that grows bit by bit copies what it
    // holds.
    const std::size_t waiting = stream->to_send.size() + stream->to_send.size() / 64 + head.size();
    state.out.reserve(state.out.size() + std::min(waiting, state.out_max + head.size() + length));
  }
  state.put(head);
  state.put(body);
  stream->to_send.pop(length);
  if (stream->full && stream->to_send.size() <= state.limits.send_buffer / 2) {
    stream->full = false;
    state.report({.kind = Event::Kind::writable, .stream = id});
  }
  // Never "would block": the frame's head would stay in the shared buffer.
  return state.out.size() >= state.out_max ? NGHTTP2_ERR_PAUSE : 0;
}

int SessionCallbacks::frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  auto& state = of(user);
  if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) state.broken = true;
  const bool may_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
  if (!may_end) return 0;
  auto* stream = state.find(frame->hd.stream_id);
  if (stream == nullptr) return 0;
  if (stream->reset_owed != 0 && stream->to_send.empty())
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                              std::exchange(stream->reset_owed, 0));
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  stream->end_sent = true;
  // Nobody reads the other direction any more.
  if (stream->released && !stream->end_received)
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_CANCEL);
  return 0;
}

int SessionCallbacks::stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
  auto& state = of(user);
  auto* stream = state.find(id);
  if (stream == nullptr) return 0;
  stream->closed = true;
  stream->to_send.clear();
  if (!stream->announced) {
    state.streams.erase(id);
    return 0;
  }
  const bool in_order = code == NGHTTP2_NO_ERROR && stream->end_sent && stream->end_received;
  // A far end that has said everything and reads no more ends the stream like this (see frame_sent): what it
  // said still counts.
  const bool heard_out = stream->end_received && (code == NGHTTP2_NO_ERROR || code == NGHTTP2_CANCEL);
  if (!in_order) {
    const Error error = error_of(code, state.role);
    // So does what an application said before it reset its connection.
    if (!heard_out && error.reason != Reason::upstream_reset) stream->received.clear();
    stream->heard_out = heard_out;
    if (!stream->reset_by_us && !stream->released)
      state.report({.kind = Event::Kind::failed, .stream = id, .error = error});
  }
  state.forget_if_over(id);
  return 0;
}

}  // namespace sluice::tunnel
