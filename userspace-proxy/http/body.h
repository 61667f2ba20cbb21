// Reads a message's body as it streams by: says which bytes belong to it and where it ends. Chunked bodies
// are checked as they pass and can be forwarded byte for byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/chunk.h"
#include "http/framing.h"
#include "http/head_reader.h"

namespace sluice::http {

inline constexpr std::size_t kTrailerBytesMax = 8 * 1024;

class BodyReader {
 public:
  explicit BodyReader(const BodyLength& length) { restart(length); }
  // For another body.
  void restart(const BodyLength& length);

  struct Step {
    std::size_t consumed = 0;  // bytes of `bytes` that belong to the body, its framing included
    std::string_view data;     // the content among them, in one piece; may be empty
  };
  // Takes as much of `bytes` as is framing or one run of content. Call again with the rest until nothing is
  // left or done(). Consumes at least one byte of what is not empty, unless done().
  Parsed<Step> next(std::string_view bytes);

  // Forwards: how many of `bytes` belong to the body, all steps together.
  Parsed<std::size_t> take(std::string_view bytes);

  // The far end has closed in order: does the body end so?
  bool may_end_by_close() const { return length_.kind == BodyLength::Kind::until_close || done(); }
  bool done() const { return state_ == State::done; }
  std::uint64_t content_bytes() const { return content_bytes_; }
  // Once done(): the trailer's field lines, each with its CRLF; mostly empty.
  std::string_view trailers() const { return trailer_bytes_; }

 private:
  enum class State : std::uint8_t { data, open_end, chunk_line, chunk_cr, chunk_lf, trailer, done };
  Parsed<Step> chunk_framing(std::string_view bytes);
  Parsed<Step> trailer(std::string_view bytes);
  Step content(std::string_view bytes);

  BodyLength length_;
  State state_ = State::done;
  std::uint64_t left_ = 0;
  std::uint64_t content_bytes_ = 0;
  ChunkLine line_;
  std::string trailer_bytes_;  // once it is over: without the empty line
};

}  // namespace sluice::http
