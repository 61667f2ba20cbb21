#include "http/body.h"

#include <algorithm>
#include <memory>

#include "http/scan.h"

namespace sluice::http {
namespace {

// RFC 9110 6.5.1: what frames, routes or authenticates a message cannot come after it.
bool belongs_in_head(std::string_view name, Known known) {
  if (known != Known::other) return true;
  constexpr std::string_view kNames[] = {
      "authorization", "cache-control", "content-encoding",    "content-range",    "content-type", "cookie",
      "max-forwards",  "set-cookie",    "proxy-authorization", "www-authenticate", "range"};
  return std::ranges::any_of(kNames, [name](std::string_view n) { return equal_ignoring_case(name, n); });
}

}  // namespace

void BodyReader::restart(const BodyLength& length) {
  length_ = length;
  state_ = State::done;
  left_ = content_bytes_ = 0;
  line_ = {};
  if (!trailer_bytes_.empty()) std::string().swap(trailer_bytes_);
  switch (length.kind) {
    case BodyLength::Kind::counted:
      left_ = length.bytes;
      state_ = left_ == 0 ? State::done : State::data;
      break;
    case BodyLength::Kind::chunked:
      state_ = State::chunk_line;
      break;
    case BodyLength::Kind::until_close:
      state_ = State::open_end;
      break;
    case BodyLength::Kind::none:
    case BodyLength::Kind::tunnel:
      break;
  }
}

Parsed<BodyReader::Step> BodyReader::next(std::string_view bytes) {
  if (state_ == State::done || bytes.empty()) return Step{};
  if (state_ == State::data || state_ == State::open_end) return content(bytes);
  if (state_ == State::trailer) return trailer(bytes);
  return chunk_framing(bytes);
}

Parsed<std::size_t> BodyReader::take(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !done()) {
    const auto step = next(bytes.substr(taken));
    if (!step) return std::unexpected(step.error());
    taken += step->consumed;
  }
  return taken;
}

BodyReader::Step BodyReader::content(std::string_view bytes) {
  if (state_ == State::data) {
    bytes = bytes.substr(0, std::min<std::uint64_t>(left_, bytes.size()));
    left_ -= bytes.size();
    if (left_ == 0) {
      state_ = length_.kind == BodyLength::Kind::chunked ? State::chunk_cr : State::done;
    }
  }
  content_bytes_ += bytes.size();
  return Step{bytes.size(), bytes};
}

Parsed<BodyReader::Step> BodyReader::chunk_framing(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const char c = bytes[at++];
    if (state_ == State::chunk_cr || state_ == State::chunk_lf) {
      if (c != (state_ == State::chunk_cr ? '\r' : '\n')) return std::unexpected(Refusal::chunk_end);
      state_ = state_ == State::chunk_cr ? State::chunk_lf : State::chunk_line;
      continue;
    }
    const auto size = line_.feed(c);
    if (!size) return std::unexpected(size.error());
    if (!*size) continue;
    line_.restart();
    left_ = **size;
    state_ = left_ == 0 ? State::trailer : State::data;
    break;
  }
  return Step{at, {}};
}

Parsed<BodyReader::Step> BodyReader::trailer(std::string_view bytes) {
  const std::size_t before = trailer_bytes_.size();
  const std::size_t room = kTrailerBytesMax - before;
  trailer_bytes_.append(bytes.substr(0, room));
  // Made anew for each piece, which a trailer of bounded size can afford; few messages have one.
  const auto reader = std::make_unique<HeadReader>(HeadReader::Kind::trailer);
  const auto progress = reader->read(trailer_bytes_);
  if (!progress) return std::unexpected(progress.error());
  if (*progress == Progress::need_more) {
    if (bytes.size() >= room) return std::unexpected(Refusal::trailer_too_large);
    return Step{bytes.size(), {}};
  }
  for (const Field& field : reader->fields().all()) {
    if (belongs_in_head(field.name(trailer_bytes_), field.known))
      return std::unexpected(Refusal::trailer_field);
  }
  state_ = State::done;
  const std::size_t size = reader->size();
  trailer_bytes_.resize(size - 2);
  return Step{size - before, {}};
}

}  // namespace sluice::http
