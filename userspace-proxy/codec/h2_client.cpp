#include "codec/h2_client.h"

#include <cerrno>

namespace sluice::codec {
namespace {

class H2ClientStream final : public ClientStream {
 public:
  explicit H2ClientStream(H2Connection& connection) : connection_(connection) {}
  ~H2ClientStream() override {
    if (stream_ != nullptr) connection_.release(stream_);
  }

  io::Task<Result<>> send(const http::Request& request, const http::Edits& edits, bool ends) override {
    FieldBlock fields;
    fields.add_request(request, edits);
    const http::Asked asked{.head = request.is_head(), .connect = request.is_connect()};
    stream_ = connection_.open(fields, ends, asked);
    // Nothing has reached the endpoint: safe to try on another connection.
    if (stream_ == nullptr)
      co_return fail(Reason::http_stream_refused, Origin::upstream, "http/2 open", EAGAIN);
    co_return Result<>();
  }

  io::Task<Result<const http::Response*>> answer() override {
    while (stream_->heads.empty()) {
      if (stream_->error) co_return std::unexpected(*stream_->error);
      const auto woken = co_await stream_->readable.wait();
      if (!woken) co_return std::unexpected(woken.error());
    }
    head_ = std::move(stream_->heads.front());
    stream_->heads.pop_front();
    co_return &*head_->response;
  }

  io::Task<Result<BodyPart>> read_body() override { co_return co_await connection_.read_body(stream_); }
  io::Task<Result<>> write_body(io::Chunk data) override {
    co_return co_await connection_.write_body(stream_, std::move(data));
  }
  io::Task<Result<>> finish(std::string_view trailers) override {
    co_return connection_.finish(stream_, trailers);
  }
  void reset(Error why) override {
    if (stream_ != nullptr) connection_.reset(stream_, why);
  }

 private:
  H2Connection& connection_;
  H2StreamState* stream_ = nullptr;
  std::unique_ptr<H2Head> head_;
};

}  // namespace

H2ClientSession::H2ClientSession(io::Ring& ring, std::unique_ptr<io::Stream> endpoint, const H2Limits& limits)
    : endpoint_(std::move(endpoint)), connection_(ring, *endpoint_, H2Connection::Role::client, limits) {}

std::unique_ptr<ClientStream> H2ClientSession::open() {
  return std::make_unique<H2ClientStream>(connection_);
}

io::Task<void> H2ClientSession::run() {
  (void)co_await connection_.run();
}

}  // namespace sluice::codec
