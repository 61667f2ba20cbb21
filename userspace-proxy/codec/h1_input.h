// What arrives on one HTTP/1.1 connection, cut into heads and bodies. Heads are gathered in a string of their
// own, so that the content of a body goes on in the buffer it was received in.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "codec/message_stream.h"
#include "http/body.h"
#include "http/head_reader.h"
#include "io/buffer.h"

namespace sluice::codec {

class H1Input {
 public:
  explicit H1Input(http::HeadReader::Kind kind) : reader_(kind) {}

  // Precondition: empty().
  void give(io::Chunk chunk) { chunk_ = std::move(chunk); }
  bool empty() const { return chunk_.empty(); }

  // --- one head:   begin_head(); while (gather()) { parse head() with reader(); complete: end_head() }
  void begin_head();
  // Moves a piece of what has arrived to the head; false: nothing is there.
  bool gather();
  // Keeps the head and gives back what does not belong to it.
  void end_head();
  http::HeadReader& reader() { return reader_; }
  std::string_view head() const { return head_; }
  // Something of the next head is there; an empty line in front of it does not count.
  bool head_begun() const { return !head_.empty() && head_ != "\r\n"; }

  // --- its body
  void begin_body(const http::BodyLength& length);
  // Nothing: more has to arrive.
  http::Parsed<std::optional<BodyPart>> take_body();
  // The far end has closed in order. False: the body is cut short.
  bool end_of_input();
  bool body_done() const { return done_; }

 private:
  std::optional<BodyPart> take_raw();
  BodyPart last_part();

  io::Chunk chunk_;
  http::HeadReader reader_;
  std::string head_;
  std::size_t piece_ = 0;  // bytes at the front of chunk_ that are in head_ already
  http::BodyReader body_{http::BodyLength{}};
  bool raw_ = false;  // bytes until the end, without framing
  bool done_ = true;  // the last part has been taken
};

}  // namespace sluice::codec
