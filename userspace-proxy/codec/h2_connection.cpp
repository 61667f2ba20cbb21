#include "codec/h2_connection.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/memory_reserve.h"
#include "codec/h2_callbacks.h"
#include "io/scope.h"
#include "io/within.h"

namespace sluice::codec {
namespace {

nghttp2_mem* reserved_memory() {
  static nghttp2_mem memory{
      .mem_user_data = nullptr,
      .malloc = [](std::size_t size, void*) { return reserved::allocate(size); },
      .free = [](void* block, void*) { reserved::release(block); },
      .calloc = [](std::size_t count, std::size_t size,
                   void*) { return reserved::allocate_zeroed(count, size); },
      .realloc = [](void* block, std::size_t size, void*) { return reserved::reallocate(block, size); }};
  return &memory;
}

constexpr std::size_t kOutputMax = 64 * 1024;  // per write to the transport
constexpr std::size_t kReadMax = 64 * 1024;

// Out of memory is the only way these constructors of nghttp2 fail; it ends the process, as everywhere.
template <typename T>
T* made(T* pointer) {
  if (pointer == nullptr) std::abort();
  return pointer;
}

struct OptionFree {
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};
struct CallbacksFree {
  void operator()(nghttp2_session_callbacks* callbacks) const { nghttp2_session_callbacks_del(callbacks); }
};

std::unique_ptr<nghttp2_option, OptionFree> make_option(const H2Limits& limits) {
  nghttp2_option* raw = nullptr;
  nghttp2_option_new(&raw);
  std::unique_ptr<nghttp2_option, OptionFree> option(made(raw));
  nghttp2_option_set_no_auto_window_update(raw, 1);
  nghttp2_option_set_no_closed_streams(raw, 1);
  nghttp2_option_set_max_reserved_remote_streams(raw, 0);
  nghttp2_option_set_max_settings(raw, 32);
  nghttp2_option_set_max_outbound_ack(raw, limits.control_burst);
  nghttp2_option_set_peer_max_concurrent_streams(raw, limits.streams_max);
  nghttp2_option_set_max_send_header_block_length(raw, 4 * http::kHeadBytesMax);
  // Its default of 33 resets a second reads a clock of its own: FloodGuard counts instead.
  constexpr std::uint64_t kUnlimited = 1ULL << 40;
  nghttp2_option_set_stream_reset_rate_limit(raw, kUnlimited, kUnlimited);
  return option;
}

nghttp2_data_provider provider() {
  return {{.ptr = nullptr}, &H2Callbacks::next_data};
}

std::uint32_t code_of(const Error& why) {
  switch (why.reason) {
    case Reason::http_protocol_error:
      return NGHTTP2_PROTOCOL_ERROR;
    case Reason::client_reset:
      return NGHTTP2_CANCEL;
    default:
      return why.sys_errno == ECANCELED ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR;
  }
}

}  // namespace

void H2Connection::SessionFree::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

H2Connection::H2Connection(io::Ring& ring, io::Stream& transport, Role role, const H2Limits& limits,
                           std::span<const std::byte> already_read)
    : ring_(ring),
      transport_(transport),
      role_(role),
      limits_(limits),
      already_read_(already_read.begin(), already_read.end()),
      control_(limits.control_burst, limits.control_per_second),
      resets_(limits.reset_burst, limits.reset_per_second),
      output_(ring),
      request_arrived_(ring),
      sender_changed_(ring) {
  nghttp2_session_callbacks* raw = nullptr;
  nghttp2_session_callbacks_new(&raw);
  const std::unique_ptr<nghttp2_session_callbacks, CallbacksFree> callbacks(made(raw));
  H2Callbacks::install(raw);
  const auto option = make_option(limits);
  nghttp2_session* session = nullptr;
  const auto create = role == Role::client ? nghttp2_session_client_new3 : nghttp2_session_server_new3;
  create(&session, raw, this, option.get(), reserved_memory());
  session_.reset(made(session));
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, role == Role::server ? limits.streams_max : 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, http::kHeadBytesMax},
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
  };
  // Push is the client's to refuse; a server does not send the setting (RFC 9113 section 6.5.2).
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, role == Role::client ? 4 : 3);
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int>(limits.connection_window));
}

H2Connection::~H2Connection() = default;

int H2Connection::violation(std::uint32_t code) {
  broken_ = true;
  nghttp2_session_terminate_session(session_.get(), code);
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

H2StreamState* H2Connection::find(H2StreamId id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

H2StreamState& H2Connection::add(H2StreamId id) {
  auto& place = streams_[id];
  place = std::make_unique<H2StreamState>(ring_, id);
  return *place;
}

io::Task<Error> H2Connection::run() {
  io::Scope sender;
  sender.spawn(send());
  Error end = co_await receive();
  if (broken_ && end.reason != Reason::http_head_timeout) end = broken();
  ended_ = true;
  end_ = end;
  fail_streams(end.reason == Reason::http_protocol_error ? end : lost(end.sys_errno));
  request_arrived_.notify();
  output_.notify();
  co_await sender.join();
  co_return end;
}

io::Task<Error> H2Connection::receive() {
  if (!already_read_.empty()) {
    const auto fed = feed(std::exchange(already_read_, {}));
    kick();
    if (!fed) co_return fed.error();
  }
  for (;;) {
    auto chunk = co_await read_more();
    if (!chunk && chunk.error().reason == Reason::http_head_timeout) {
      broken_ = true;
      nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
      kick();
      co_return chunk.error();
    }
    if (!chunk) co_return closed() ? Error{Reason::completed} : chunk.error();
    if (chunk->empty()) {
      const bool in_order = std::ranges::all_of(
          streams_, [](const auto& entry) { return entry.second->end_received || entry.second->closed; });
      co_return in_order ? Error{Reason::completed, Origin::downstream, 0, "http/2"} : lost(ECONNRESET);
    }
    const auto fed = feed(chunk->bytes());
    kick();
    if (!fed) co_return fed.error();
    if (closed()) co_return Error{Reason::completed, Origin::downstream, 0, "http/2"};
  }
}

// Header blocks of a connection come one after the other (RFC 9113 section 4.3): one deadline is enough.
io::Task<Result<io::Chunk>> H2Connection::read_more() {
  const Error late{Reason::http_head_timeout, Origin::downstream, 0, "header block"};
  co_return co_await io::within(ring_, head_due_, late, transport_.read());
}

Result<> H2Connection::feed(std::span<const std::byte> bytes) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const auto taken = nghttp2_session_mem_recv(session_.get(), data, bytes.size());
  if (taken < 0 && !broken_) {
    broken_ = true;
    nghttp2_session_terminate_session(session_.get(), NGHTTP2_PROTOCOL_ERROR);
  }
  if (!broken_) return {};
  return std::unexpected(broken());
}

io::Task<void> H2Connection::send() {
  co_await send_all();
  sender_over_ = true;
  sender_changed_.notify();
}

io::Task<void> H2Connection::flush(Nanos limit) {
  io::Scope timer;
  timer.spawn(give_up_flush(limit));
  while (!sender_over_ && !flush_over_) {
    if (!co_await sender_changed_.wait()) break;
  }
  timer.cancel();
  co_await timer.join();
}

io::Task<void> H2Connection::give_up_flush(Nanos limit) {
  (void)co_await ring_.sleep_for(limit);
  flush_over_ = true;
  sender_changed_.notify();
}

io::Task<void> H2Connection::send_all() {
  for (;;) {
    const auto out = take_output(kOutputMax);
    if (out.empty()) {
      if (ended_ || closed()) break;
      if (!co_await output_.wait()) co_return;
      continue;
    }
    const auto sent = co_await transport_.write(std::span<const std::byte>(out));
    if (!sent) {
      transport_.reset(sent.error());
      co_return;
    }
  }
  // nghttp2 may end the connection without a word of it but GOAWAY; no stream comes to an end then.
  if (broken_) fail_streams(broken());
  if (broken_ && role_ == Role::client) {
    transport_.reset(broken());
  } else {
    (void)co_await transport_.finish();
  }
}

std::vector<std::byte> H2Connection::take_output(std::size_t max) {
  out_.clear();
  out_max_ = max;
  while (out_.size() < max) {
    const std::uint8_t* data = nullptr;
    const auto size = nghttp2_session_mem_send(session_.get(), &data);
    if (size < 0) broken_ = true;
    if (size <= 0) break;
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    out_.insert(out_.end(), bytes, bytes + size);
  }
  return std::exchange(out_, {});
}

bool H2Connection::closed() const {
  return nghttp2_session_want_read(session_.get()) == 0 && nghttp2_session_want_write(session_.get()) == 0;
}

void H2Connection::kick() {
  if (nghttp2_session_want_write(session_.get()) != 0 || closed()) output_.notify();
}

void H2Connection::fail_streams(const Error& why) {
  for (auto& [id, stream] : streams_) {
    // What is whole can still be read to its end.
    if (!stream->end_received && !stream->error) stream->error = why;
    stream->closed = true;
    stream->readable.notify();
    stream->writable.notify();
  }
  std::erase_if(streams_, [](const auto& entry) { return entry.second->released; });
}

void H2Connection::drain() {
  if (std::exchange(drain_sent_, true)) return;
  auto* session = session_.get();
  nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session),
                        NGHTTP2_NO_ERROR, nullptr, 0);
  request_arrived_.notify();
  kick();
}

io::Task<void> H2Connection::drain_gently(Nanos crossing) {
  nghttp2_submit_shutdown_notice(session_.get());
  kick();
  if (co_await ring_.sleep_for(crossing)) drain();
}

std::size_t H2Connection::room() const {
  if (!takes_streams()) return 0;
  const std::size_t allowed =
      std::min(limits_.streams_max,
               nghttp2_session_get_remote_settings(session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
  return allowed - std::min(allowed, streams_.size());
}

io::Task<Result<H2StreamState*>> H2Connection::next_request() {
  for (;;) {
    while (!arrived_.empty()) {
      auto* stream = find(arrived_.front());
      arrived_.pop_front();
      if (stream == nullptr) continue;
      stream->announced = true;
      if (!stream->error) co_return stream;
      release(stream);  // given up before anybody took it
    }
    if (end_ && end_->reason != Reason::completed) co_return std::unexpected(*end_);
    if (end_ || drain_sent_ || drain_received_) co_return nullptr;
    const auto woken = co_await request_arrived_.wait();
    if (!woken) co_return std::unexpected(woken.error());
  }
}

H2StreamState* H2Connection::open(const FieldBlock& fields, bool ends, http::Asked asked) {
  if (room() == 0) return nullptr;
  const auto data = provider();
  const auto list = H2Callbacks::list(fields);
  const auto id = nghttp2_submit_request(session_.get(), nullptr, list.data(), list.size(),
                                         ends ? nullptr : &data, nullptr);
  if (id < 0) {  // numbers are used up (RFC 9113 section 5.1.1)
    drain_received_ = true;
    return nullptr;
  }
  auto& stream = add(id);
  stream.asked = asked;
  stream.announced = stream.head_sent = true;
  stream.finishing = ends;
  kick();
  return &stream;
}

io::Task<Result<BodyPart>> H2Connection::read_body(H2StreamState* stream) {
  while (stream->received.empty() && !stream->end_received && !stream->error) {
    const auto woken = co_await stream->readable.wait();
    if (!woken) co_return std::unexpected(woken.error());
  }
  if (stream->error) co_return std::unexpected(*stream->error);
  BodyPart part{.data = io::Chunk::copy_of(stream->received.front(kReadMax))};
  stream->received.pop(part.data.size());
  buffered_ -= part.data.size();
  if (!stream->closed && !part.data.empty())
    nghttp2_session_consume_stream(session_.get(), stream->id, part.data.size());
  give_back_connection_window();
  part.last = stream->received.empty() && stream->end_received;
  if (part.last) part.trailers = std::move(stream->trailers);
  kick();
  co_return part;
}

io::Task<Result<>> H2Connection::gone(H2StreamState* stream) {
  while (!stream->error) {
    const auto woken = co_await stream->readable.wait();
    if (!woken) co_return woken;
  }
  co_return std::unexpected(*stream->error);
}

io::Task<Result<>> H2Connection::write_body(H2StreamState* stream, io::Chunk data) {
  while (!stream->error && !stream->closed && stream->to_send.size() >= limits_.send_buffer) {
    const auto woken = co_await stream->writable.wait();
    if (!woken) co_return std::unexpected(woken.error());
  }
  if (stream->error) co_return std::unexpected(*stream->error);
  if (stream->closed) co_return std::unexpected(lost(EPIPE));
  stream->to_send.push(data.bytes());
  nghttp2_session_resume_data(session_.get(), stream->id);
  kick();
  co_return Result<>();
}

Result<> H2Connection::finish(H2StreamState* stream, std::string_view trailers) {
  if (stream->error) return std::unexpected(*stream->error);
  if (stream->finishing) return {};
  stream->finishing = true;
  stream->trailers_to_send = trailers;
  nghttp2_session_resume_data(session_.get(), stream->id);
  kick();
  return {};
}

Result<> H2Connection::submit_answer(H2StreamState* stream, const FieldBlock& fields, bool final, bool ends) {
  if (stream->error) return std::unexpected(*stream->error);
  if (stream->closed) return std::unexpected(lost(EPIPE));
  const auto list = H2Callbacks::list(fields);
  if (!final) {
    nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, stream->id, nullptr, list.data(), list.size(),
                           nullptr);
  } else {
    const auto data = provider();
    stream->head_sent = true;
    stream->finishing = ends;
    nghttp2_submit_response(session_.get(), stream->id, list.data(), list.size(), ends ? nullptr : &data);
  }
  kick();
  return {};
}

void H2Connection::reset(H2StreamState* stream, const Error& why) {
  if (stream->error || stream->closed) return;
  stream->error = why;
  buffered_ -= stream->received.size();
  stream->received.clear();
  stream->to_send.clear();
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream->id, code_of(why));
  stream->readable.notify();
  stream->writable.notify();
  give_back_connection_window();
  kick();
}

void H2Connection::release(H2StreamState* stream) {
  stream->released = true;
  const std::size_t unread = stream->received.size();
  buffered_ -= unread;
  stream->received.clear();
  // The end that we owe goes out first; what nobody finished cannot become whole.
  const bool answers = stream->finishing || stream->end_sent;
  if (!stream->closed && !stream->error && role_ == Role::server && answers) {
    nghttp2_session_consume_stream(session_.get(), stream->id, unread);
    if (stream->end_sent && !stream->end_received) discard_rest(*stream);
  } else if (!stream->closed && !stream->error && !(stream->finishing && !stream->end_sent) &&
             !(stream->end_sent && stream->end_received)) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
  }
  give_back_connection_window();
  forget_if_over(*stream);
  kick();
}

void H2Connection::discard_rest(H2StreamState& stream) {
  if (stream.unread) return;
  const H2Unread::Limits limits{limits_.unread_max, limits_.unread_whole, limits_.unread_silent};
  stream.unread = std::make_unique<H2Unread>(ring_, limits, [this, &stream] {
    end_unread(stream);
    kick();
  });
}

void H2Connection::end_unread(H2StreamState& stream) {
  if (!stream.closed)
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_NO_ERROR);
}

void H2Connection::end_unread() {
  for (const auto& [id, stream] : streams_) {
    if (stream->unread) end_unread(*stream);
  }
  kick();
}

void H2Connection::forget_if_over(H2StreamState& stream) {
  if (stream.closed && stream.released) streams_.erase(stream.id);
}

void H2Connection::give_back_connection_window() {
  if (buffered_ > limits_.buffered_max || owed_ == 0) return;
  nghttp2_session_consume_connection(session_.get(), std::exchange(owed_, 0));
}

Error H2Connection::broken() const {
  const auto origin = role_ == Role::server ? Origin::downstream : Origin::upstream;
  return {Reason::http_protocol_error, origin, EPROTO, "http/2 frames"};
}

Error H2Connection::lost(int sys_errno) const {
  const bool says_nothing = sys_errno == 0 || sys_errno == ECANCELED;
  const int error = says_nothing ? ECONNRESET : sys_errno;
  if (role_ == Role::client) return {Reason::upstream_reset, Origin::upstream, error, "http/2"};
  return {Reason::client_reset, Origin::downstream, error, "http/2"};
}

}  // namespace sluice::codec
