#include "codec/h1_server.h"

#include <algorithm>
#include <string>
#include <utility>

#include "io/within.h"

namespace sluice::codec {

using Kind = http::BodyLength::Kind;
using Coding = http::ResponseHop::Coding;

namespace {

// What still comes after an answer costs no memory, so time is what is bounded.
constexpr std::uint64_t kUnreadMax = std::uint64_t{64} * 1024 * 1024;
constexpr Nanos kUnreadWhole = std::chrono::seconds(30);
constexpr Nanos kUnreadSilent = std::chrono::seconds(5);
constexpr Nanos kLastSilent = std::chrono::seconds(1);  // nothing more is due
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// RFC 9112 section 9.6: closing on bytes that nobody has read resets the connection, and that takes the
// answer back from a client that is still sending.
io::Task<void> linger(io::Ring* ring, io::Stream* client, Nanos silent) {
  const MonoTime end = ring->now() + kUnreadWhole;
  const Error late{Reason::completed, Origin::downstream, 0, "linger"};
  for (std::uint64_t discarded = 0; discarded < kUnreadMax;) {
    const MonoTime limit = std::min(end, ring->now() + silent);
    const auto chunk = co_await io::within(*ring, limit, late, client->read());
    if (!chunk || chunk->empty()) co_return;
    discarded += chunk->size();
  }
}

}  // namespace

class H1ServerStream final : public ServerStream {
 public:
  explicit H1ServerStream(H1ServerSession& session) : session_(session) {}
  static void* operator new(std::size_t size) { return io::allocate_frame(size); }
  static void operator delete(void* stream, std::size_t size) noexcept { io::free_frame(stream, size); }

  const http::Request& request() const override { return session_.request_; }
  Version version() const override { return Version::http_1; }
  io::Task<Result<BodyPart>> read_body() override { return session_.read_body(); }
  io::Task<Result<>> answer(const http::Response& response, const http::Edits& edits, bool ends) override {
    return response.interim() ? session_.answer_interim(response, edits)
                              : session_.answer(response, edits, ends);
  }
  io::Task<Result<>> write_body(io::Chunk data) override { return session_.output_.write(std::move(data)); }
  io::Task<Result<>> finish(std::string_view trailers) override { return session_.output_.finish(trailers); }
  void hold_back() override { session_.output_.hold_back(); }
  io::Task<Result<>> gone() override { return session_.gone(); }
  void reset(Error why) override {
    if (session_.may_cut_in_order(why)) {
      session_.cut_ = true;
      return;
    }
    session_.broken_ = true;
    session_.client_.reset(why);
  }

 private:
  H1ServerSession& session_;
};

H1ServerSession::H1ServerSession(io::Ring& ring, io::Stream& client, const H1ServerLimits& limits,
                                 std::span<const std::byte> already_read)
    : ring_(ring),
      client_(client),
      limits_(limits),
      input_(http::HeadReader::Kind::request),
      output_(client),
      waiting_since_(ring.now()),
      interim_over_(ring) {
  if (!already_read.empty()) input_.give(io::Chunk::copy_of(already_read));
}

io::Task<Result<std::unique_ptr<ServerStream>>> H1ServerSession::next() {
  if (broken_) co_return fail(Reason::client_reset, Origin::downstream, "request");
  if (cut_) co_return nullptr;
  if (!std::exchange(first_, false)) {
    another_ = true;
    if (!output_.finished()) {
      const Error unanswered{Reason::internal_error, Origin::internal, 0, "request without answer"};
      client_.reset(unanswered);
      broken_ = true;
      co_return std::unexpected(unanswered);
    }
    if (last_one_ || (!input_.body_done() && !co_await discard_body())) co_return nullptr;
  }
  if (draining_) co_return nullptr;
  output_.restart();
  input_.begin_head();
  waiting_since_ = head_since_ = ring_.now();  // part of a head may be here already
  continued_ = answered_ = false;
  while (true) {
    while (input_.gather()) {
      const auto request = http::read_request(input_.reader(), input_.head());
      if (!request) co_return std::unexpected(co_await refuse(request.error()));
      if (!*request) continue;
      input_.end_head();
      request_ = **request;
      input_.begin_body(request_.body);
      co_return std::make_unique<H1ServerStream>(*this);
    }
    auto chunk = co_await read_head_bytes();
    if (!chunk) {
      if (chunk.error().reason == Reason::drained) co_return nullptr;
      if (chunk.error().reason == Reason::http_head_timeout)
        co_return std::unexpected(co_await answer_and_end(408, "request headers timeout\n", chunk.error()));
      broken_ = chunk.error().reason != Reason::idle_timeout;
      co_return std::unexpected(chunk.error());
    }
    if (chunk->empty()) {
      if (!input_.head_begun()) co_return nullptr;
      co_return fail(Reason::client_reset, Origin::downstream, "request head cut short");
    }
    if (!input_.head_begun()) head_since_ = ring_.now();
    input_.give(std::move(*chunk));
  }
}

MonoTime H1ServerSession::head_deadline() const {
  if (input_.head_begun()) return limits_.head > Nanos::zero() ? head_since_ + limits_.head : MonoTime::max();
  return limits_.idle > Nanos::zero() ? waiting_since_ + limits_.idle : MonoTime::max();
}

// One receive, which drain() may end while no byte of a request has come.
io::Task<Result<io::Chunk>> H1ServerSession::read_head_bytes() {
  const bool begun = input_.head_begun();
  io::Breakable waiting;
  const io::Alarm alarm(ring_, head_deadline(), waiting);
  if (!begun) waiting_ = &waiting;
  auto got = co_await waiting.await(client_.read());
  waiting_ = nullptr;
  if (got || !waiting.cancelled()) co_return got;
  if (alarm.passed())
    co_return fail(begun ? Reason::http_head_timeout : Reason::idle_timeout, Origin::downstream,
                   "request head");
  if (draining_ && !begun) co_return fail(Reason::drained, Origin::internal, "request head");
  co_return got;
}

void H1ServerSession::drain() {
  draining_ = true;
  if (waiting_ != nullptr) waiting_->cancel();
}

io::Task<Error> H1ServerSession::refuse(http::Refusal refusal) {
  const auto& info = http::refusal_info(refusal);
  const Error error{Reason::http_protocol_error, Origin::downstream, 0, info.word.data()};
  co_return co_await answer_and_end(info.status, info.word, error);
}

io::Task<Error> H1ServerSession::answer_and_end(std::uint16_t status, std::string_view text, Error why) {
  http::write_local_answer(status, text, false, true, output_.text());
  (void)co_await output_.finish({});
  last_one_ = true;
  co_return why;
}

// Of what is not done; true when the next request begins where input_ stands then. The client has not been
// told that the connection ends, so the next request may be on its way already: only what goes beyond all
// bounds ends it.
io::Task<bool> H1ServerSession::discard_body() {
  if (request_.expects_continue && !continued_) co_return false;
  const MonoTime end = ring_.now() + kUnreadWhole;
  const Error late{Reason::client_reset, Origin::downstream, 0, "unread body"};
  for (std::uint64_t discarded = 0; !input_.body_done();) {
    const MonoTime limit = std::min(end, ring_.now() + kUnreadSilent);
    const auto part = co_await io::within(ring_, limit, late, read_body());
    if (part) discarded += part->data.size();
    gave_up_ = !part || discarded >= kUnreadMax;
    if (gave_up_) co_return false;
  }
  co_return true;
}

io::Task<void> H1ServerSession::close() {
  if (broken_ || !co_await client_.finish() || gave_up_) co_return;
  co_await linger(&ring_, &client_, input_.body_done() ? kLastSilent : kUnreadSilent);
}

// A reset would take back the answers before that the client has not read yet. Where length or chunks say
// that this one is not whole, the end of the connection is enough.
bool H1ServerSession::may_cut_in_order(const Error& why) const {
  const bool delimited = framing_.kind == Kind::counted || framing_.kind == Kind::chunked;
  return another_ && answered_ && delimited && why.origin == Origin::upstream && !output_.broken();
}

Error H1ServerSession::lost_body() const {
  return Error{Reason::client_reset, Origin::downstream, 0, "request body cut short"};
}

io::Task<Result<>> H1ServerSession::gone() {
  while (input_.body_done() && input_.empty()) {
    auto chunk = co_await client_.read();
    if (!chunk) co_return std::unexpected(chunk.error());
    if (!chunk->empty()) {
      input_.give(std::move(*chunk));
    } else if (request_.persistent) {
      co_return fail(Reason::client_reset, Origin::downstream, "client left");
    } else {
      break;
    }
  }
  co_return Result<>();
}

io::Task<Result<>> H1ServerSession::send_continue() {
  continued_ = interim_ = true;
  const auto sent = co_await client_.write(std::as_bytes(std::span(kContinue)));
  interim_ = false;
  if (!sent) output_.break_off(sent.error());
  interim_over_.notify();
  co_return sent;
}

io::Task<Result<BodyPart>> H1ServerSession::read_body() {
  if (request_.expects_continue && !continued_ && !answered_) {
    const auto sent = co_await send_continue();
    if (!sent) co_return std::unexpected(sent.error());
  }
  while (true) {
    auto part = input_.take_body();
    if (!part) {
      last_one_ = true;
      co_return fail(Reason::http_protocol_error, Origin::downstream,
                     http::refusal_info(part.error()).word.data());
    }
    if (*part) co_return std::move(**part);
    auto chunk = co_await client_.read();
    if (!chunk) co_return std::unexpected(chunk.error());
    if (!chunk->empty()) {
      input_.give(std::move(*chunk));
    } else if (!input_.end_of_input()) {
      last_one_ = true;
      co_return std::unexpected(lost_body());
    }
  }
}

io::Task<Result<>> H1ServerSession::answer_interim(const http::Response& response, const http::Edits& edits) {
  if (!request_.version_1_1) co_return Result<>();
  if (interim_) (void)co_await interim_over_.wait();
  if (response.status == 100 && std::exchange(continued_, true)) co_return Result<>();
  http::write_response(response, edits, {}, output_.text());
  co_return co_await output_.flush();
}

http::ResponseHop H1ServerSession::hop_for(const http::Response& response, http::BodyLength& framing) {
  http::ResponseHop hop;
  framing = response.body;
  if (framing.kind == Kind::until_close && request_.version_1_1) {
    framing.kind = Kind::chunked;
    hop.coding = Coding::begin_chunks;
  } else if (framing.kind == Kind::chunked && !request_.version_1_1) {
    framing.kind = Kind::until_close;
    hop.coding = Coding::end_chunks;
  }
  const bool body_unasked = request_.expects_continue && !continued_ && !input_.body_done();
  const bool body_endless = request_.body.kind == Kind::counted && request_.body.bytes > kUnreadMax;
  hop.close = draining_ || !request_.persistent || body_unasked || framing.kind == Kind::until_close ||
              (body_endless && !input_.body_done());
  hop.keep_alive = !hop.close && !request_.version_1_1;
  last_one_ |= hop.close || framing.kind == Kind::tunnel;
  return hop;
}

io::Task<Result<>> H1ServerSession::answer(const http::Response& response, const http::Edits& edits,
                                           bool ends) {
  if (interim_) return answer_after_interim(response, edits, ends);
  const http::ResponseHop hop = hop_for(response, framing_);
  answered_ = true;
  http::write_response(response, edits, hop, output_.text());
  output_.begin_body(framing_);
  if (framing_.kind == Kind::tunnel) input_.begin_body(framing_);
  return ends ? output_.finish({}) : output_.flush();
}

io::Task<Result<>> H1ServerSession::answer_after_interim(const http::Response& response,
                                                         const http::Edits& edits, bool ends) {
  (void)co_await interim_over_.wait();
  co_return co_await answer(response, edits, ends);
}

}  // namespace sluice::codec
