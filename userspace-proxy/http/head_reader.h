// Cuts a head (start line and field lines up to the empty one) out of bytes as they come. Strict: lines end in
// CRLF and nothing else, no line is folded, names are tokens up to their colon.
//
// The caller keeps all bytes of the head in one piece, which may move as it grows, and calls read() with all of
// them each time; what was judged before is not looked at again, so a peer that trickles costs no more.
#pragma once

#include <cstddef>
#include <string_view>

#include "http/fields.h"
#include "http/refusal.h"

namespace sluice::http {

enum class Progress : std::uint8_t { need_more, complete };

class HeadReader {
 public:
  enum class Kind : std::uint8_t { request, response, trailer };
  explicit HeadReader(Kind kind) : kind_(kind) {}

  // `bytes`: everything since the head's first byte, never less than the last time; what comes after the head
  // is not looked at.
  Parsed<Progress> read(std::string_view bytes);

  // Once complete. Offsets of fields count from the first byte that was given, an empty line in front of a
  // request included.
  std::size_t size() const { return at_; }
  std::size_t start_at() const { return start_at_; }
  std::string_view start_line(std::string_view bytes) const {
    return bytes.substr(start_at_, start_size_);
  }
  const FieldList& fields() const { return fields_; }
  void restart();

 private:
  Parsed<bool> take_line(std::string_view bytes);  // false: no whole line yet
  Parsed<Field> field_of(std::string_view line) const;

  Kind kind_;
  bool have_start_ = false;
  bool skipped_empty_ = false;
  bool complete_ = false;
  std::size_t at_ = 0;       // where the present line begins
  std::size_t scanned_ = 0;  // nothing but text up to here
  std::size_t start_at_ = 0;
  std::size_t start_size_ = 0;
  FieldList fields_;
};

}  // namespace sluice::http
