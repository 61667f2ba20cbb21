// A request's body on its way to one endpoint after the other: what has been read is kept up to a bound, so
// that it can be sent again. Beyond the bound, or when nothing will be sent again, nothing is kept.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/message_stream.h"

namespace sluice::exchange {

inline constexpr std::size_t kReplayBytesMax = 64 * 1024;

class RequestBody {
 public:
  explicit RequestBody(codec::ServerStream& client) : client_(client) {}

  // Call before the first byte is sent.
  void keep_for_replay() { keeps_ = true; }
  // All that was read so far can be sent again.
  bool replayable() const { return keeps_ || !read_; }
  // Keeps it to the end, for copies. Call before the first byte is sent.
  void keep_for_copies() { keeps_ = copies_ = true; }
  // Nothing more will be sent again: what is kept goes as it is sent.
  void stop_keeping() { keeps_ = copies_; }
  // The whole body; nothing when it has not all been read, or was too long to be kept.
  std::optional<std::string> copy() const;
  void rewind() { at_ = 0; }
  bool whole() const { return whole_; }  // the client has sent all of it
  std::uint64_t bytes() const { return bytes_; }

  // Before the first next(): reads a piece more into ahead(), which next() gives out again.
  io::Task<Result<>> read_ahead();
  std::string_view ahead() const { return ahead_; }

  io::Task<Result<codec::BodyPart>> next();

 private:
  void settle_ahead();

  codec::ServerStream& client_;
  std::string ahead_;
  std::vector<io::Chunk> kept_;
  std::size_t kept_bytes_ = 0;
  std::size_t at_ = 0;  // the next of kept_ to send
  std::string trailers_;
  std::uint64_t bytes_ = 0;
  bool keeps_ = false;
  bool copies_ = false;
  bool read_ = false;
  bool whole_ = false;
};

}  // namespace sluice::exchange
