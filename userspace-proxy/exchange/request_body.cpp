#include "exchange/request_body.h"

#include <algorithm>
#include <span>
#include <utility>

namespace sluice::exchange {

namespace {

constexpr std::size_t kPieceBytes = 16 * 1024;

}  // namespace

io::Task<Result<>> RequestBody::read_ahead() {
  auto part = co_await client_.read_body();
  if (!part) co_return std::unexpected(part.error());
  read_ = true;
  bytes_ += part->data.size();
  // Copied: a client that sends byte by byte would else hold a buffer of the ring for each.
  const auto bytes = part->data.bytes();
  ahead_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (part->last) {
    whole_ = true;
    trailers_ = std::move(part->trailers);
  }
  co_return Result<>();
}

void RequestBody::settle_ahead() {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(ahead_));
  for (std::size_t at = 0; at < bytes.size(); at += kPieceBytes)
    kept_.push_back(io::Chunk::copy_of(bytes.subspan(at, std::min(kPieceBytes, bytes.size() - at))));
  kept_bytes_ = bytes.size();
  ahead_ = {};
}

io::Task<Result<codec::BodyPart>> RequestBody::next() {
  if (!ahead_.empty()) settle_ahead();
  if (at_ < kept_.size()) {
    io::Chunk& chunk = kept_[at_++];
    codec::BodyPart part{.data = keeps_ ? io::Chunk::copy_of(chunk.bytes()) : std::move(chunk)};
    if (whole_ && at_ == kept_.size()) {
      part.last = true;
      part.trailers = trailers_;
    }
    co_return part;
  }
  if (whole_) co_return codec::BodyPart{.data = {}, .last = true, .trailers = trailers_};
  auto part = co_await client_.read_body();
  if (!part) co_return part;
  read_ = true;
  bytes_ += part->data.size();
  if (keeps_ && kept_bytes_ + part->data.size() > kReplayBytesMax) {
    keeps_ = copies_ = false;
    kept_.clear();
    at_ = 0;
  }
  if (keeps_ && !part->data.empty()) {
    kept_bytes_ += part->data.size();
    kept_.push_back(io::Chunk::copy_of(part->data.bytes()));
    at_ = kept_.size();
  }
  if (part->last) {
    whole_ = true;
    trailers_ = part->trailers;
  }
  co_return part;
}

std::optional<std::string> RequestBody::copy() const {
  const bool none = client_.request().body.kind == http::BodyLength::Kind::none;
  if (!none && (!whole_ || !copies_)) return std::nullopt;
  std::string all = ahead_;
  for (const io::Chunk& chunk : kept_)
    all.append(reinterpret_cast<const char*>(chunk.bytes().data()), chunk.size());
  return all;
}

}  // namespace sluice::exchange
