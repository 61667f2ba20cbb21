// A server's session between streams. nghttp2 holds 9 KiB for a session that carries nothing: its structure,
// a table of streams, the tables of header fields. Resting, that session is gone; waking makes another, tells
// it what the peer has said (settings, windows, the last stream) and throws away what it answers, since the
// peer has had those answers.
//
// Nothing else may be lost, so it rests only between two frames, with no stream, nothing to send, and no
// table of header fields in the peer's hands (RFC 7541 section 4.2): ours is set to 0, and once the peer has
// acknowledged that, or before it has sent any header, the table is empty.

#include <string_view>

#include "tunnel/session_state.h"

namespace sluice::tunnel {
namespace {

constexpr std::int32_t kFirstWindow = NGHTTP2_INITIAL_CONNECTION_WINDOW_SIZE;

void put(std::vector<std::uint8_t>& out, std::uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(value >> shift));
}

void put_head(std::vector<std::uint8_t>& out, std::uint32_t length, std::uint8_t type, std::uint8_t flags,
              std::uint32_t stream) {
  put(out, length, 3);
  put(out, type, 1);
  put(out, flags, 1);
  put(out, stream, 4);
}

// What the peer has said so far, in short.
std::vector<std::uint8_t> story_so_far(const RestingState& resting, StreamId last_stream) {
  // ":method GET", ":scheme http", ":path /", ":authority a": known by number, or not to be remembered.
  constexpr std::uint8_t kAnyRequest[] = {0x82, 0x86, 0x84, 0x01, 0x01, 'a'};
  constexpr std::string_view kMagic = NGHTTP2_CLIENT_MAGIC;
  std::vector<std::uint8_t> out(kMagic.begin(), kMagic.end());
  put_head(out, 6 * static_cast<std::uint32_t>(resting.remote_settings.size()), NGHTTP2_SETTINGS, 0, 0);
  for (const auto& setting : resting.remote_settings) {
    put(out, static_cast<std::uint32_t>(setting.settings_id), 2);
    put(out, setting.value, 4);
  }
  if (resting.remote_window > kFirstWindow) {
    put_head(out, 4, NGHTTP2_WINDOW_UPDATE, 0, 0);
    put(out, static_cast<std::uint32_t>(resting.remote_window - kFirstWindow), 4);
  }
  if (last_stream == 0) return out;
  // Late frames of earlier streams are of streams that ended, not of some that never were.
  const auto stream = static_cast<std::uint32_t>(last_stream);
  put_head(out, sizeof kAnyRequest, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
           stream);
  out.insert(out.end(), std::begin(kAnyRequest), std::end(kAnyRequest));
  put_head(out, 4, NGHTTP2_RST_STREAM, 0, stream);
  put(out, NGHTTP2_CANCEL, 4);
  return out;
}

}  // namespace

bool Session::resting() const {
  return state_->session == nullptr;
}

bool Session::rest() {
  State& state = *state_;
  auto* session = state.session.get();
  if (session == nullptr) return true;
  const bool quiet = state.role == Role::server && !draining() && state.streams.empty() &&
                     state.events.empty() && state.boundary.reached() && state.settings_received &&
                     nghttp2_session_want_write(session) == 0;
  const bool no_table = state.settings_acked || state.last_stream == 0;
  const auto window = nghttp2_session_get_remote_window_size(session);
  if (!quiet || !no_table || window < kFirstWindow) return false;
  // What the peer may send is told it in full; then it can be forgotten.
  if (const auto taken = nghttp2_session_get_effective_recv_data_length(session); taken > 0) {
    nghttp2_submit_window_update(session, NGHTTP2_FLAG_NONE, 0, taken);
    return false;
  }
  constexpr nghttp2_settings_id kSettings[] = {
      NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
      NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, NGHTTP2_SETTINGS_MAX_FRAME_SIZE,
      NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE};
  for (std::size_t i = 0; i < std::size(kSettings); ++i)
    state.resting.remote_settings[i] = {kSettings[i],
                                        nghttp2_session_get_remote_settings(session, kSettings[i])};
  state.resting.remote_window = window;
  state.session.reset();
  return true;
}

nghttp2_session* Session::State::awake() {
  if (session != nullptr) return session.get();
  waking = true;
  make_session(settings_acked);
  const auto hear = [this](const std::vector<std::uint8_t>& bytes) {
    const auto taken = nghttp2_session_mem_recv(session.get(), bytes.data(), bytes.size());
    broken |= taken != static_cast<ssize_t>(bytes.size());
    const std::uint8_t* said_before = nullptr;
    while (nghttp2_session_mem_send(session.get(), &said_before) > 0) {
    }
  };
  hear(story_so_far(resting, last_stream));
  if (settings_acked) {
    std::vector<std::uint8_t> acknowledged;
    put_head(acknowledged, 0, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0);
    hear(acknowledged);
  }
  waking = false;
  return session.get();
}

}  // namespace sluice::tunnel
