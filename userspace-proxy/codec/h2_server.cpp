#include "codec/h2_server.h"

#include <chrono>
#include <utility>

namespace sluice::codec {
namespace {

constexpr Nanos kLastWords = std::chrono::seconds(1);  // for a client that reads slowly
constexpr Nanos kCrossing = std::chrono::seconds(1);   // for requests that cross with the news that we drain

class H2ServerStream final : public ServerStream {
 public:
  H2ServerStream(H2Connection& connection, H2StreamState* stream)
      : connection_(connection), stream_(stream), head_(std::move(stream->heads.front())) {
    stream->heads.pop_front();
  }
  ~H2ServerStream() override { connection_.release(stream_); }

  const http::Request& request() const override { return *head_->request; }
  Version version() const override { return Version::http_2; }

  io::Task<Result<BodyPart>> read_body() override {
    if (head_->request->expects_continue && !stream_->head_sent && !continued_) {
      continued_ = true;
      FieldBlock interim;
      interim.add(":status", "100");
      const auto sent = connection_.submit_answer(stream_, interim, false, false);
      if (!sent) co_return std::unexpected(sent.error());
    }
    co_return co_await connection_.read_body(stream_);
  }

  io::Task<Result<>> answer(const http::Response& response, const http::Edits& edits, bool ends) override {
    FieldBlock fields;
    fields.add_response(response, edits, ends);
    continued_ |= response.status == 100;
    co_return connection_.submit_answer(stream_, fields, !response.interim(), ends);
  }

  io::Task<Result<>> write_body(io::Chunk data) override {
    co_return co_await connection_.write_body(stream_, std::move(data));
  }
  io::Task<Result<>> finish(std::string_view trailers) override {
    co_return connection_.finish(stream_, trailers);
  }
  io::Task<Result<>> gone() override { return connection_.gone(stream_); }
  void reset(Error why) override { connection_.reset(stream_, why); }

 private:
  H2Connection& connection_;
  H2StreamState* stream_;
  std::unique_ptr<H2Head> head_;
  bool continued_ = false;
};

}  // namespace

H2ServerSession::H2ServerSession(io::Ring& ring, io::Stream& client, const H2Limits& limits,
                                 std::span<const std::byte> already_read)
    : connection_(ring, client, H2Connection::Role::server, limits, already_read) {}

io::Task<void> H2ServerSession::pump() {
  end_ = co_await connection_.run();
}

io::Task<Result<std::unique_ptr<ServerStream>>> H2ServerSession::next() {
  if (!started_) pump_.spawn(pump());
  started_ = true;
  auto stream = co_await connection_.next_request();
  if (!stream) co_return std::unexpected(stream.error());
  if (*stream == nullptr) co_return nullptr;
  co_return std::make_unique<H2ServerStream>(connection_, *stream);
}

void H2ServerSession::drain_gently() {
  if (!std::exchange(draining_, true)) pump_.spawn(connection_.drain_gently(kCrossing));
}

io::Task<void> H2ServerSession::close() {
  connection_.drain();
  connection_.end_unread();
  if (started_) co_await connection_.flush(kLastWords);
  pump_.cancel();
  co_await pump_.join();
}

}  // namespace sluice::codec
