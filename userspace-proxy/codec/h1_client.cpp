#include "codec/h1_client.h"

#include <utility>

#include "http/forward.h"

namespace sluice::codec {

using Kind = http::BodyLength::Kind;

class H1ClientStream final : public ClientStream {
 public:
  explicit H1ClientStream(H1ClientSession& session) : session_(session) {}
  ~H1ClientStream() override { session_.release(); }
  static void* operator new(std::size_t size) { return io::allocate_frame(size); }
  static void operator delete(void* stream, std::size_t size) noexcept { io::free_frame(stream, size); }

  io::Task<Result<>> send(const http::Request& request, const http::Edits& edits, bool ends) override {
    session_.asked_ = {
        .head = request.is_head(), .connect = request.is_connect(), .upgrade = request.upgrade};
    http::write_request(request, edits, session_.output_.text());
    session_.output_.begin_body(request.body);
    return ends ? session_.output_.finish({}) : session_.output_.flush();
  }
  io::Task<Result<const http::Response*>> answer() override { return session_.answer(); }
  io::Task<Result<BodyPart>> read_body() override { return session_.read_body(); }
  bool body_waits() const override { return !session_.input_.empty() || session_.input_.body_done(); }
  io::Task<Result<>> write_body(io::Chunk data) override { return session_.output_.write(std::move(data)); }
  io::Task<Result<>> finish(std::string_view trailers) override { return session_.output_.finish(trailers); }
  void hold_back() override { session_.output_.hold_back(); }
  void reset(Error why) override { session_.break_off(why); }

 private:
  H1ClientSession& session_;
};

H1ClientSession::H1ClientSession(io::Ring& ring, std::unique_ptr<io::Stream> endpoint)
    : endpoint_(std::move(endpoint)),
      input_(http::HeadReader::Kind::response),
      output_(*endpoint_),
      arrived_(ring),
      taken_(ring) {}

std::unique_ptr<ClientStream> H1ClientSession::open() {
  busy_ = true;
  output_.restart();
  response_.reset();
  input_.begin_body({});
  return std::make_unique<H1ClientStream>(*this);
}

io::Task<void> H1ClientSession::run() {
  while (!end_) {
    if (!input_.empty()) {
      if (const auto woken = co_await taken_.wait(); !woken) end_ = woken.error();
      continue;
    }
    auto chunk = co_await endpoint_->read();
    if (!chunk) {
      end_ = chunk.error();
    } else if (chunk->empty()) {
      end_ = Error{Reason::completed, Origin::upstream, 0, "upstream closed"};
    } else if (!busy_) {
      break_off(Error{Reason::http_protocol_error, Origin::upstream, 0, "bytes after the answer"});
    } else if (usable_) {
      input_.give(std::move(*chunk));
      arrived_.notify();
    }
  }
  usable_ = false;
  arrived_.notify();
}

void H1ClientSession::break_off(const Error& why) {
  if (!usable_ && end_) return;
  usable_ = false;
  endpoint_->reset(why);
}

// The answer may not have been read to its end, or the request not written: then nobody knows where the next
// answer begins.
void H1ClientSession::release() {
  busy_ = false;
  const bool whole = output_.finished() && response_ && !response_->interim() && input_.body_done();
  usable_ &= whole && response_->persistent && input_.empty();
  if (!whole && !end_)
    endpoint_->reset(Error{Reason::upstream_reset, Origin::internal, 0, "request given up"});
  taken_.notify();
}

io::Signal::Wait H1ClientSession::more() {
  taken_.notify();
  return arrived_.wait();
}

std::optional<Error> H1ClientSession::lost() const {
  const bool in_order = !end_ || end_->reason == Reason::completed;
  return input_.empty() && !in_order ? end_ : std::nullopt;
}

std::unexpected<Error> H1ClientSession::malformed(http::Refusal refusal) {
  usable_ = false;
  return fail(Reason::http_protocol_error, Origin::upstream, http::refusal_info(refusal).word.data());
}

io::Task<Result<const http::Response*>> H1ClientSession::answer() {
  response_.reset();
  input_.begin_head();
  while (true) {
    while (input_.gather()) {
      const auto response = http::read_response(input_.reader(), input_.head(), asked_);
      if (!response) co_return malformed(response.error());
      if (!*response) continue;
      input_.end_head();
      response_ = **response;
      input_.begin_body(response_->body);
      if (response_->body.kind == Kind::tunnel) output_.begin_body(response_->body);
      co_return &*response_;
    }
    if (end_) co_return fail(Reason::upstream_reset, Origin::upstream, "answer cut short", end_->sys_errno);
    if (const auto woken = co_await more(); !woken) co_return std::unexpected(woken.error());
    if (const auto error = lost()) co_return std::unexpected(*error);
  }
}

io::Task<Result<BodyPart>> H1ClientSession::read_body() {
  auto part = input_.take_body();
  if (!part) return malformed(part.error());
  if (*part) return std::move(**part);
  return await_body();
}

io::Task<Result<BodyPart>> H1ClientSession::await_body() {
  while (true) {
    if (!end_) {
      if (const auto woken = co_await more(); !woken) co_return std::unexpected(woken.error());
      if (const auto error = lost()) co_return std::unexpected(*error);
    } else if (end_->reason != Reason::completed || !input_.end_of_input()) {
      co_return fail(Reason::upstream_reset, Origin::upstream, "answer's body cut short", end_->sys_errno);
    }
    auto part = input_.take_body();
    if (!part) co_return malformed(part.error());
    if (*part) co_return std::move(**part);
  }
}

}  // namespace sluice::codec
