#include "codec/h2_callbacks.h"

#include <algorithm>
#include <cerrno>

namespace sluice::codec {
namespace {

constexpr std::size_t kInterimMax = 16;
constexpr std::size_t kNumbersKept = 256;

Error error_of(std::uint32_t code, H2Connection::Role role) {
  constexpr const char* kStep = "http/2 stream";
  if (role == H2Connection::Role::server)
    return {Reason::client_reset, Origin::downstream, ECONNRESET, kStep};
  // Refused before anything was done with it (RFC 9113 section 8.7): safe to try again.
  if (code == NGHTTP2_REFUSED_STREAM)
    return {Reason::http_stream_refused, Origin::upstream, ECONNRESET, kStep};
  if (code == NGHTTP2_PROTOCOL_ERROR) return {Reason::http_protocol_error, Origin::upstream, EPROTO, kStep};
  return {Reason::upstream_reset, Origin::upstream, ECONNRESET, kStep};
}

std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace

void H2Callbacks::install(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, frame_begun);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_received);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_received);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frame_sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_closed);
}

std::vector<nghttp2_nv> H2Callbacks::list(const FieldBlock& fields) {
  const auto bytes = [](std::string_view part) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(part.data()));
  };
  std::vector<nghttp2_nv> out;
  out.reserve(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto name = fields.name(i);
    const auto value = fields.value(i);
    out.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return out;
}

int H2Callbacks::frame_begun(nghttp2_session*, const nghttp2_frame_hd* header, void* user) {
  auto& connection = of(user);
  const bool ack = (header->flags & NGHTTP2_FLAG_ACK) != 0;
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
      if (skipped_earlier(connection, header->stream_id)) return connection.violation(NGHTTP2_PROTOCOL_ERROR);
      break;
    case NGHTTP2_RST_STREAM:     // counted when complete
    case NGHTTP2_WINDOW_UPDATE:  // cheap, and honest peers send many
    case NGHTTP2_GOAWAY:
      break;
    default:  // PRIORITY, CONTINUATION and what is unknown
      costs = true;
  }
  return costs && !connection.control_.take(connection.ring_.now())
             ? connection.violation(NGHTTP2_ENHANCE_YOUR_CALM)
             : 0;
}

// RFC 9113 section 5.1.1: numbers that were left out are closed. nghttp2 takes them for streams that have
// ended.
bool H2Callbacks::skipped_earlier(const H2Connection& connection, H2StreamId id) {
  const auto& opened = connection.opened_;
  const bool all_known = opened.size() < kNumbersKept;
  if (opened.empty() || id >= opened.back() || (id < opened.front() && !all_known)) return false;
  return !std::ranges::binary_search(opened, id);
}

int H2Callbacks::begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& connection = of(user);
  if (connection.role_ == H2Connection::Role::client) return 0;
  if (connection.limits_.head > Nanos::zero())
    connection.head_due_ = connection.ring_.now() + connection.limits_.head;
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  // nghttp2 bounds the open streams; this bounds those that ended and whose handlers have not noticed yet.
  if (connection.streams_.size() >= std::size_t{2} * connection.limits_.streams_max)
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  connection.add(frame->hd.stream_id);
  connection.opened_.push_back(frame->hd.stream_id);
  if (connection.opened_.size() > kNumbersKept) connection.opened_.pop_front();
  return 0;
}

int H2Callbacks::header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                        std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                        std::uint8_t, void* user) {
  auto& connection = of(user);
  auto* stream = connection.find(frame->hd.stream_id);
  if (stream == nullptr) return 0;
  // HPACK lets one byte stand for 4 KiB: beyond this the block is an attack, not a mistake.
  stream->block_bytes += name_size + value_size + 32;
  if (stream->block_bytes > 4 * http::kHeadBytesMax) return connection.violation(NGHTTP2_ENHANCE_YOUR_CALM);
  const bool well_formed = stream->block.add(text(name, name_size), text(value, value_size));
  return well_formed ? 0 : malformed(connection, frame);
}

// RFC 9113 section 8.1.1: a stream error of type PROTOCOL_ERROR.
int H2Callbacks::malformed(H2Connection& connection, const nghttp2_frame* frame) {
  nghttp2_submit_rst_stream(connection.session_.get(), NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                            NGHTTP2_PROTOCOL_ERROR);
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

// RFC 9113 section 8.2.1: a field that no HTTP message may have makes the message malformed.
int H2Callbacks::invalid_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t*,
                                std::size_t, const std::uint8_t*, std::size_t, std::uint8_t, void* user) {
  return malformed(of(user), frame);
}

// The request is not taken; its sender is told by a status of our own.
void H2Callbacks::refuse(H2Connection& connection, H2StreamState& stream, std::uint16_t status) {
  FieldBlock answer;
  answer.add(":status", std::to_string(status));
  const auto fields = list(answer);
  nghttp2_submit_response(connection.session_.get(), stream.id, fields.data(), fields.size(), nullptr);
  stream.released = true;
}

void H2Callbacks::request_complete(H2Connection& connection, H2StreamState& stream, bool ends) {
  if (stream.block.too_large()) return refuse(connection, stream, 431);
  auto head = std::make_unique<H2Head>();
  head->text = stream.block.request_text(ends);
  const auto request = http::read_request(head->reader, head->text);
  if (!request) return refuse(connection, stream, http::refusal_info(request.error()).status);
  if (!*request) return refuse(connection, stream, 400);
  head->request = **request;
  stream.heads.push_back(std::move(head));
  connection.arrived_.push_back(stream.id);
  connection.request_arrived_.notify();
}

void H2Callbacks::answer_complete(H2Connection& connection, H2StreamState& stream, bool ends) {
  const bool interim = stream.block.status() < 200;
  auto head = std::make_unique<H2Head>();
  head->reader = http::HeadReader(http::HeadReader::Kind::response);
  head->text = stream.block.response_text(ends, stream.asked);
  const auto response = http::read_response(head->reader, head->text, stream.asked);
  const bool good = response && *response && !stream.block.too_large() && (!interim || !ends) &&
                    stream.heads.size() < kInterimMax;
  if (!good) {
    connection.reset(&stream, {Reason::http_protocol_error, Origin::upstream, EPROTO, "http/2 answer"});
    return;
  }
  head->response = **response;
  stream.heads.push_back(std::move(head));
  stream.head_complete = !interim;
  stream.readable.notify();
}

void H2Callbacks::trailers_complete(H2Connection& connection, H2StreamState& stream) {
  if (stream.block.has_pseudo_fields() || stream.block.too_large()) {
    connection.reset(&stream, {Reason::http_protocol_error, Origin::downstream, EPROTO, "http/2 trailers"});
    return;
  }
  stream.trailers = std::move(stream.block).trailer_text();
}

void H2Callbacks::head_complete(H2Connection& connection, H2StreamState& stream, bool ends) {
  if (stream.head_complete) {
    trailers_complete(connection, stream);
  } else if (connection.role_ == H2Connection::Role::server) {
    stream.head_complete = true;
    request_complete(connection, stream, ends);
  } else {
    answer_complete(connection, stream, ends);
  }
  stream.block = HeadText();
  stream.block_bytes = 0;
}

// Whoever has a whole answer and stops sending gave up no work of ours.
bool H2Callbacks::reset_too_often(H2Connection& connection, H2StreamId id) {
  const auto* stream = connection.find(id);
  const bool answered = stream != nullptr && stream->end_sent;
  if (connection.role_ == H2Connection::Role::client || answered) return false;
  return !connection.resets_.take(connection.ring_.now());
}

int H2Callbacks::frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& connection = of(user);
  if (frame->hd.type == NGHTTP2_GOAWAY) {
    connection.drain_received_ = true;
    connection.request_arrived_.notify();
  }
  if (frame->hd.type == NGHTTP2_RST_STREAM && reset_too_often(connection, frame->hd.stream_id))
    return connection.violation(NGHTTP2_ENHANCE_YOUR_CALM);
  if (frame->hd.type == NGHTTP2_HEADERS) connection.head_due_ = MonoTime::max();
  if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) return 0;
  auto* stream = connection.find(frame->hd.stream_id);
  if (stream == nullptr) return 0;
  const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (ends) stream->end_received = true;
  if (frame->hd.type == NGHTTP2_HEADERS) head_complete(connection, *stream, ends);
  if (ends) stream->readable.notify();
  return 0;
}

int H2Callbacks::data_received(nghttp2_session* session, std::uint8_t, std::int32_t id,
                               const std::uint8_t* data, std::size_t size, void* user) {
  auto& connection = of(user);
  auto* stream = connection.find(id);
  connection.owed_ += size;
  if (stream == nullptr || stream->released || stream->error) {
    nghttp2_session_consume_stream(session, id, size);
    if (stream != nullptr && stream->unread && !stream->unread->take(size)) connection.end_unread(*stream);
  } else {
    stream->received.push(std::as_bytes(std::span(data, size)));
    connection.buffered_ += size;
    stream->readable.notify();
  }
  connection.give_back_connection_window();
  return 0;
}

ssize_t H2Callbacks::next_data(nghttp2_session* session, std::int32_t id, std::uint8_t*, std::size_t length,
                               std::uint32_t* flags, nghttp2_data_source*, void* user) {
  auto* stream = of(user).find(id);
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const std::size_t size = std::min(length, stream->to_send.size());
  if (size == 0 && !stream->finishing) return NGHTTP2_ERR_DEFERRED;
  if (size > 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (size < stream->to_send.size() || !stream->finishing) return static_cast<ssize_t>(size);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (!stream->trailers_to_send.empty()) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    FieldBlock block;
    block.add_trailers(stream->trailers_to_send);
    const auto fields = list(block);
    nghttp2_submit_trailer(session, id, fields.data(), fields.size());
  }
  return static_cast<ssize_t>(size);
}

int H2Callbacks::send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* frame_header,
                           std::size_t length, nghttp2_data_source*, void* user) {
  constexpr std::size_t kFrameHeader = 9;
  auto& connection = of(user);
  if (connection.out_.size() >= connection.out_max_) return NGHTTP2_ERR_WOULDBLOCK;
  auto* stream = connection.find(frame->hd.stream_id);
  if (stream == nullptr || stream->to_send.size() < length) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const auto head = std::as_bytes(std::span(frame_header, kFrameHeader));
  const auto body = stream->to_send.front(length);
  connection.out_.insert(connection.out_.end(), head.begin(), head.end());
  connection.out_.insert(connection.out_.end(), body.begin(), body.end());
  stream->to_send.pop(length);
  if (stream->to_send.size() <= connection.limits_.send_buffer / 2) stream->writable.notify();
  return 0;
}

int H2Callbacks::frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& connection = of(user);
  if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
    connection.broken_ = true;
  // Section 6.9.2 wants it for windows that SETTINGS make too large, and allows it for all.
  if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code == NGHTTP2_FLOW_CONTROL_ERROR)
    connection.violation(NGHTTP2_FLOW_CONTROL_ERROR);
  const bool may_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
  if (!may_end || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  auto* stream = connection.find(frame->hd.stream_id);
  if (stream == nullptr) return 0;
  stream->end_sent = true;
  if (stream->released && !stream->end_received) connection.discard_rest(*stream);
  return 0;
}

int H2Callbacks::stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
  auto& connection = of(user);
  auto* stream = connection.find(id);
  if (stream == nullptr) return 0;
  stream->closed = true;
  stream->to_send.clear();
  const bool in_order = stream->end_received && (code == NGHTTP2_NO_ERROR || stream->end_sent);
  if (!in_order && !stream->error) {
    stream->error = error_of(code, connection.role_);
    connection.buffered_ -= stream->received.size();
    stream->received.clear();
    connection.give_back_connection_window();
  }
  stream->readable.notify();
  stream->writable.notify();
  // A request that never became whole belongs to nobody.
  if (connection.role_ == H2Connection::Role::server && stream->heads.empty() && !stream->announced)
    stream->released = true;
  connection.forget_if_over(*stream);
  return 0;
}

}  // namespace sluice::codec
