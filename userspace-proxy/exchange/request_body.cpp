#include "exchange/request_body.h"

#include <utility>

namespace sluice::exchange {

io::Task<Result<codec::BodyPart>> RequestBody::next() {
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
  std::string all;
  for (const io::Chunk& chunk : kept_)
    all.append(reinterpret_cast<const char*>(chunk.bytes().data()), chunk.size());
  return all;
}

}  // namespace sluice::exchange
