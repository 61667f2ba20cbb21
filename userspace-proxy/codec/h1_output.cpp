#include "codec/h1_output.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace sluice::codec {
namespace {

using Kind = http::BodyLength::Kind;

constexpr std::size_t kJoined = 16 * 1024;  // up to here a copy costs less than a send of its own

void append(std::string& out, const io::Chunk& data) {
  out.append(reinterpret_cast<const char*>(data.bytes().data()), data.size());
}

void append_chunk_line(std::string& out, std::size_t size) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr;
  out.append(digits.data(), end).append("\r\n");
}

std::unexpected<Error> lied(const char* step) {
  return fail(Reason::http_protocol_error, Origin::internal, step);
}

}  // namespace

void H1Output::restart() {
  text_.clear();
  length_ = {};
  left_ = 0;
  hold_ = begun_ = finished_ = false;
}

void H1Output::begin_body(const http::BodyLength& length) {
  length_ = length;
  finished_ = false;
  left_ = length.kind == Kind::counted ? length.bytes : 0;
}

io::Task<Result<>> H1Output::send_text() {
  if (broken_) return std::unexpected(*broken_);
  if (text_.empty()) return Result<>();
  return send_all_text(false);
}

// `ends`: nothing of the message follows.
io::Task<Result<>> H1Output::send_all_text(bool ends) {
  Result<> sent;
  if (!text_.empty()) {
    begun_ = true;
    sent = co_await stream_.write(std::as_bytes(std::span(text_)));
    text_.clear();
    if (!sent) broken_ = sent.error();
  }
  if (sent && ends && length_.kind == Kind::tunnel) sent = co_await stream_.finish();
  if (ends) finished_ = sent.has_value();
  co_return sent;
}

io::Task<Result<>> H1Output::send_data(io::Chunk data) {
  begun_ = true;
  const auto sent = co_await stream_.write(std::move(data));
  if (!sent) broken_ = sent.error();
  co_return sent;
}

io::Task<Result<>> H1Output::flush() {
  if (std::exchange(hold_, false)) return Result<>();
  return send_text();
}

io::Task<Result<>> H1Output::write(io::Chunk data) {
  const bool hold = std::exchange(hold_, false);
  if (data.empty() || length_.kind == Kind::none) return Result<>();
  if (length_.kind == Kind::counted) {
    if (data.size() > left_) return lied("body longer than announced");
    left_ -= data.size();
  }
  if (length_.kind == Kind::chunked) {
    append_chunk_line(text_, data.size());
    if (data.size() > kJoined) return write_chunk(std::move(data));
    append(text_, data);
    text_.append("\r\n");
    if (hold) return Result<>();
    return send_text();
  }
  if (text_.empty() || data.size() > kJoined) return send_apart(std::move(data));
  append(text_, data);
  return send_text();
}

io::Task<Result<>> H1Output::send_apart(io::Chunk data) {
  if (const auto sent = co_await send_text(); !sent) co_return sent;
  co_return co_await send_data(std::move(data));
}

// The line is in text_; the CRLF behind the data goes with what comes next.
io::Task<Result<>> H1Output::write_chunk(io::Chunk data) {
  if (const auto sent = co_await send_text(); !sent) co_return sent;
  const auto sent = co_await send_data(std::move(data));
  text_.append("\r\n");
  co_return sent;
}

io::Task<Result<>> H1Output::finish(std::string_view trailers) {
  hold_ = false;
  if (left_ != 0) return lied("body shorter than announced");
  if (length_.kind == Kind::chunked) text_.append("0\r\n").append(trailers).append("\r\n");
  if (broken_) return std::unexpected(*broken_);
  if (!text_.empty() || length_.kind == Kind::tunnel) return send_all_text(true);
  finished_ = true;
  return Result<>();
}

}  // namespace sluice::codec
