// One HTTP/1.1 message on its way out: its head, which may wait for the first of its body, and the framing of
// the body as the head has announced it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/framing.h"
#include "io/buffer.h"
#include "io/stream.h"
#include "io/task.h"

namespace sluice::codec {

class H1Output {
 public:
  explicit H1Output(io::Stream& stream) : stream_(stream) {}

  // Append heads to it, then flush().
  std::string& text() { return text_; }
  // The body that follows; none: whatever is written of it is left out (HEAD).
  void begin_body(const http::BodyLength& length);
  void hold_back() { hold_ = true; }
  // Sends the text, unless it is held back.
  io::Task<Result<>> flush();
  // Errors: the stream's; http_protocol_error when it is more than the head has announced.
  io::Task<Result<>> write(io::Chunk data);
  // Also when less than announced was written: http_protocol_error.
  io::Task<Result<>> finish(std::string_view trailers);
  // The whole message is out.
  bool finished() const { return finished_; }
  bool begun() const { return begun_; }
  bool broken() const { return broken_.has_value(); }
  // For the next message. One that broke off stays the last: nobody knows how much of it is out.
  void restart();
  void break_off(const Error& why) { broken_ = why; }

 private:
  io::Task<Result<>> send_text();
  io::Task<Result<>> send_all_text(bool ends);
  io::Task<Result<>> send_apart(io::Chunk data);
  io::Task<Result<>> send_data(io::Chunk data);
  io::Task<Result<>> write_chunk(io::Chunk data);

  io::Stream& stream_;
  std::string text_;
  http::BodyLength length_;
  std::uint64_t left_ = 0;
  bool hold_ = false;
  bool begun_ = false;  // something has been sent
  bool finished_ = false;
  std::optional<Error> broken_;  // a write failed, or was given up half way
};

}  // namespace sluice::codec
