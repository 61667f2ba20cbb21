#include "codec/h1_input.h"

#include <algorithm>

namespace sluice::codec {
namespace {

constexpr std::size_t kPiece = 2048;          // most heads fit; what is copied in excess is little
constexpr std::size_t kHeadKept = 16 * 1024;  // of memory between messages

std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void H1Input::begin_head() {
  reader_.restart();
  if (head_.capacity() > kHeadKept) std::string().swap(head_);
  head_.clear();
  piece_ = 0;
}

bool H1Input::gather() {
  chunk_.consume(piece_);
  piece_ = std::min(chunk_.size(), kPiece);
  head_.append(text(chunk_.bytes().first(piece_)));
  return piece_ != 0;
}

void H1Input::end_head() {
  const std::size_t excess = head_.size() - reader_.size();
  head_.resize(reader_.size());
  chunk_.consume(piece_ - excess);
  piece_ = 0;
}

void H1Input::begin_body(const http::BodyLength& length) {
  raw_ = length.kind == http::BodyLength::Kind::tunnel;
  body_.restart(length);
  done_ = !raw_ && body_.done();
}

BodyPart H1Input::last_part() {
  done_ = true;
  return BodyPart{.data = {}, .last = true, .trailers = std::string(body_.trailers())};
}

std::optional<BodyPart> H1Input::take_raw() {
  if (done_) return BodyPart{.data = {}, .last = true};
  if (chunk_.empty()) return std::nullopt;
  return BodyPart{.data = std::move(chunk_)};
}

http::Parsed<std::optional<BodyPart>> H1Input::take_body() {
  if (raw_) return take_raw();
  while (!body_.done()) {
    if (chunk_.empty()) return std::nullopt;
    const auto step = body_.next(text(chunk_.bytes()));
    if (!step) return std::unexpected(step.error());
    if (step->data.empty()) {
      chunk_.consume(step->consumed);
      continue;
    }
    // Content comes alone, at the front of the chunk.
    BodyPart part;
    if (step->consumed == chunk_.size()) {
      part.data = std::move(chunk_);
    } else {
      part.data = io::Chunk::copy_of(chunk_.bytes().first(step->consumed));
      chunk_.consume(step->consumed);
    }
    part.last = done_ = body_.done();
    return part;
  }
  return last_part();
}

bool H1Input::end_of_input() {
  if (raw_) return done_ = true;
  if (!body_.may_end_by_close()) return false;
  if (!body_.done()) body_.restart({});
  return true;
}

}  // namespace sluice::codec
