#include "tunnel/session.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

#include "tunnel/session_state.h"

namespace sluice::tunnel {
namespace {

struct OptionFree {
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};
struct CallbacksFree {
  void operator()(nghttp2_session_callbacks* callbacks) const { nghttp2_session_callbacks_del(callbacks); }
};

std::unique_ptr<nghttp2_option, OptionFree> make_option(Role role, const SessionLimits& limits) {
  nghttp2_option* raw = nullptr;
  nghttp2_option_new(&raw);
  std::unique_ptr<nghttp2_option, OptionFree> option(made(raw));
  nghttp2_option_set_no_auto_window_update(raw, 1);
  nghttp2_option_set_no_closed_streams(raw, 1);
  nghttp2_option_set_max_reserved_remote_streams(raw, 0);
  nghttp2_option_set_max_settings(raw, 16);
  nghttp2_option_set_max_outbound_ack(raw, limits.control_burst);
  nghttp2_option_set_peer_max_concurrent_streams(raw, limits.streams_max);
  // A server says ":status 200" and no more.
  if (role == Role::server) nghttp2_option_set_max_deflate_dynamic_table_size(raw, 0);
  // Its default of 33 resets a second would cut off honest applications, and it reads a clock of its own:
  // FloodGuard counts instead.
  constexpr std::uint64_t kUnlimited = 1ULL << 40;
  nghttp2_option_set_stream_reset_rate_limit(raw, kUnlimited, kUnlimited);
  return option;
}

nghttp2_nv field(std::string_view name, const std::string& value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

nghttp2_data_provider provider() {
  return {{.ptr = nullptr}, &SessionCallbacks::next_data};
}

Error lost() {
  return {Reason::tunnel_lost, Origin::upstream, EPIPE, "tunnel open"};
}

}  // namespace

int Session::State::flood() {
  broken = true;
  nghttp2_session_terminate_session(session.get(), NGHTTP2_ENHANCE_YOUR_CALM);
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

Session::Session(Role role, const SessionLimits& limits) : state_(std::make_unique<State>(role, limits)) {
  state_->make_session(false);
}

void Session::State::make_session(bool fields_settled) {
  nghttp2_session_callbacks* raw = nullptr;
  nghttp2_session_callbacks_new(&raw);
  const std::unique_ptr<nghttp2_session_callbacks, CallbacksFree> callbacks(made(raw));
  SessionCallbacks::install(raw);
  const auto option = make_option(role, limits);
  nghttp2_session* fresh = nullptr;
  const auto create = role == Role::client ? nghttp2_session_client_new3 : nghttp2_session_server_new3;
  frame_buffer.begin();
  create(&fresh, raw, this, option.get(), frame_buffer.allocator());
  frame_buffer.made();
  session.reset(made(fresh));
  // Push is the client's to refuse; a server does not send the setting (RFC 9113 section 6.5.2). A server
  // that rests keeps no table of header fields.
  const bool server = role == Role::server;
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, server ? limits.streams_max : 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.header_bytes},
      {server ? NGHTTP2_SETTINGS_HEADER_TABLE_SIZE : NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
  };
  nghttp2_submit_settings(fresh, NGHTTP2_FLAG_NONE, settings, fields_settled ? 3 : 4);
  nghttp2_session_set_local_window_size(fresh, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int>(limits.connection_window));
}

namespace {

// An application that answers, then resets: as over TCP, what it said arrives first.
bool overtakes_nothing(const Error& why, Role role) {
  return role == Role::server && why.reason == Reason::upstream_reset;
}

}  // namespace

Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<> Session::feed(std::span<const std::byte> bytes, MonoTime now) {
  const auto broken = [] {
    return fail(Reason::tunnel_protocol_error, Origin::downstream, "tunnel frames", EPROTO);
  };
  state_->now = now;
  if (state_->broken) return broken();
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  state_->boundary.follow(bytes);
  const auto taken = nghttp2_session_mem_recv(state_->awake(), data, bytes.size());
  if (taken < 0 && !state_->broken) {
    state_->broken = true;
    nghttp2_session_terminate_session(state_->session.get(), NGHTTP2_PROTOCOL_ERROR);
  }
  if (state_->broken) return broken();
  return {};
}

std::vector<std::byte> Session::take_output(std::size_t max) {
  if (resting()) return {};
  state_->out.clear();
  state_->out_max = max;
  while (state_->out.size() < max) {
    const std::uint8_t* data = nullptr;
    const auto size = nghttp2_session_mem_send(state_->session.get(), &data);
    if (size < 0) state_->broken = true;
    if (size <= 0) break;
    state_->put(std::as_bytes(std::span(data, static_cast<std::size_t>(size))));
  }
  constexpr std::size_t kUsualMax = 16 * 1024;
  if (!state_->out.empty()) state_->out_usual = std::min(state_->out.size(), kUsualMax);
  return std::exchange(state_->out, {});
}

bool Session::wants_output() const {
  return !resting() && nghttp2_session_want_write(state_->session.get()) != 0;
}

bool Session::closed() const {
  if (resting()) return false;
  auto* session = state_->session.get();
  return nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0;
}

void Session::drain() {
  if (std::exchange(state_->drain_sent, true)) return;
  auto* session = state_->awake();
  nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session),
                        NGHTTP2_NO_ERROR, nullptr, 0);
}

void Session::announce_drain() {
  if (draining()) return;
  state_->drain_announced = true;
  nghttp2_submit_shutdown_notice(state_->awake());
}

bool Session::draining() const {
  return state_->drain_announced || state_->drain_sent || state_->drain_received || state_->broken;
}

void Session::ping() {
  nghttp2_submit_ping(state_->awake(), NGHTTP2_FLAG_NONE, nullptr);
}

std::optional<Event> Session::next_event() {
  auto& events = state_->events;
  if (state_->next_event == events.size()) return std::nullopt;
  const Event event = events[state_->next_event++];
  if (state_->next_event == events.size()) {
    constexpr std::size_t kKeep = 8;  // an idle session holds little memory
    if (events.capacity() > kKeep) std::vector<Event>().swap(events);
    events.clear();
    state_->next_event = 0;
  }
  return event;
}

Result<StreamId> Session::open(const StreamRequest& request) {
  if (draining()) return std::unexpected(lost());
  if (streams_room() == 0) return fail(Reason::limit_connections, Origin::internal, "tunnel open", EAGAIN);
  const auto destination = request.destination.text();
  const auto client = request.client.text();
  const std::string method = "CONNECT";
  const nghttp2_nv fields[] = {field(":method", method), field(":authority", destination),
                               field(kClientHeader, client)};
  const auto data = provider();
  const StreamId id =
      nghttp2_submit_request(state_->session.get(), nullptr, fields, std::size(fields), &data, nullptr);
  if (id < 0) {  // numbers are used up (RFC 9113 section 5.1.1)
    drain();
    return std::unexpected(lost());
  }
  state_->streams[id].announced = true;
  return id;
}

void Session::answer(StreamId id) {
  auto* stream = state_->find(id);
  if (stream == nullptr || stream->answered || stream->closed || state_->role == Role::client) return;
  stream->answered = true;
  const std::string status = "200";
  const nghttp2_nv fields[] = {field(":status", status)};
  const auto data = provider();
  nghttp2_submit_response(state_->session.get(), id, fields, std::size(fields), &data);
}

std::size_t Session::write(StreamId id, std::span<const std::byte> bytes) {
  auto* stream = state_->find(id);
  if (stream == nullptr || stream->closed || stream->finishing) return 0;
  answer(id);
  const std::size_t buffer = state_->buffer_of(*stream);
  const std::size_t count = std::min(buffer - std::min(buffer, stream->to_send.size()), bytes.size());
  stream->to_send.push(bytes.first(count));
  stream->written += count;
  stream->full = count < bytes.size();
  if (count > 0) nghttp2_session_resume_data(state_->session.get(), id);
  return count;
}

void Session::finish(StreamId id) {
  auto* stream = state_->find(id);
  if (stream == nullptr || stream->closed) return;
  answer(id);
  stream->finishing = true;
  nghttp2_session_resume_data(state_->session.get(), id);
}

io::Chunk Session::read(StreamId id, std::size_t max) {
  auto* stream = state_->find(id);
  if (stream == nullptr || stream->received.empty()) return {};
  auto chunk = io::Chunk::copy_of(stream->received.front(max));
  stream->received.pop(chunk.size());
  if (!stream->closed) nghttp2_session_consume_stream(state_->session.get(), id, chunk.size());
  return chunk;
}

bool Session::ended(StreamId id) const {
  const auto* stream = state_->find(id);
  return stream != nullptr && stream->end_received && stream->received.empty();
}

bool Session::heard_out(StreamId id) const {
  const auto* stream = state_->find(id);
  return stream != nullptr && stream->heard_out;
}

bool Session::failed(StreamId id) const {
  const auto* stream = state_->find(id);
  return stream == nullptr || (stream->closed && !(stream->end_received && stream->end_sent));
}

void Session::reset(StreamId id, const Error& why) {
  auto* stream = state_->find(id);
  if (stream == nullptr || stream->closed) return;
  stream->received.clear();
  stream->reset_by_us = true;
  if (overtakes_nothing(why, state_->role) && !stream->to_send.empty()) {
    stream->reset_owed = code_of(why);
    return;
  }
  stream->to_send.clear();
  stream->reset_owed = 0;
  nghttp2_submit_rst_stream(state_->session.get(), NGHTTP2_FLAG_NONE, id, code_of(why));
}

void Session::release(StreamId id) {
  auto* stream = state_->find(id);
  if (stream == nullptr) return;
  stream->released = true;
  stream->received.clear();
  // Unread or still to come: nobody will take it. The end that we owe goes out first.
  const bool owes_output = stream->finishing && !stream->end_sent;
  if (!stream->closed && !owes_output && !stream->reset_by_us)
    nghttp2_submit_rst_stream(state_->session.get(), 0, id, NGHTTP2_CANCEL);
  state_->forget_if_over(id);
}

bool Session::finished(StreamId id) const {
  const auto* stream = state_->find(id);
  return stream != nullptr && stream->closed && stream->end_received && stream->end_sent;
}

bool Session::all_finished() const {
  return std::ranges::all_of(state_->streams, [this](const auto& one) { return finished(one.first); });
}

std::size_t Session::streams() const {
  return state_->streams.size();
}

std::size_t Session::streams_room() const {
  if (resting()) return 0;  // a server opens none
  const std::size_t allowed = std::min(
      state_->limits.streams_max,
      nghttp2_session_get_remote_settings(state_->session.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
  return allowed - std::min(allowed, state_->streams.size());
}

}  // namespace sluice::tunnel
