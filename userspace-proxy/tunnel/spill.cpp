#include "tunnel/spill.h"

#include <algorithm>

namespace sluice::tunnel {

void SpillAdvice::bulk_seen(MonoTime now) {
  if (now > lapse_) credits_ = 0;
  credits_ = std::min(credits_ + 1, rule_.credits_max);
  lapse_ = now + rule_.credit_time;
}

bool SpillAdvice::take(MonoTime now) {
  if (credits_ == 0 || now > lapse_) return false;
  --credits_;
  return true;
}

void FlowMeter::moved(std::size_t bytes, MonoTime now) {
  if (!advice_) return;
  bytes_ += bytes;
  const bool bulk = bytes_ >= advice_->rule().bulk_bytes;
  const bool late = now - opened_ > advice_->rule().bulk_time;
  if (bulk && !late) advice_->bulk_seen(now);
  if (bulk || late) advice_.reset();
}

io::Task<Result<io::Chunk>> MeteredStream::read() {
  auto chunk = co_await inner_->read();
  if (chunk) meter_.moved(chunk->size(), ring_.now());
  co_return chunk;
}

io::Task<Result<>> MeteredStream::write(io::Chunk chunk) {
  meter_.moved(chunk.size(), ring_.now());
  co_return co_await inner_->write(std::move(chunk));
}

io::Task<Result<>> MeteredStream::write(std::span<const std::byte> bytes) {
  meter_.moved(bytes.size(), ring_.now());
  co_return co_await inner_->write(bytes);
}

}  // namespace sluice::tunnel
