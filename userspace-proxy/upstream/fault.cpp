#include "upstream/fault.h"

#include <algorithm>

namespace sluice::upstream {
namespace {

constexpr std::uint64_t kFastest = 1'000'000'000;  // kbps; more than any host moves, and no product overflows

}  // namespace

void FaultPlan::add(const policy::Fault& fault, Random& random) {
  if (abort_status != 0) return;
  if (fault.delay > Nanos{0} && random.chance(fault.delay_share, policy::kWhole)) delay += fault.delay;
  if (fault.abort_status != 0 && random.chance(fault.abort_share, policy::kWhole)) {
    abort_status = fault.abort_status;
    return;
  }
  if (fault.bandwidth_kbps != 0 && random.chance(fault.bandwidth_share, policy::kWhole)) {
    bandwidth_kbps =
        bandwidth_kbps == 0 ? fault.bandwidth_kbps : std::min(bandwidth_kbps, fault.bandwidth_kbps);
  }
}

Shaper::Shaper(std::uint64_t kbps, MonoTime now)
    : bytes_per_second_(std::min(kbps, kFastest) * 1024),
      burst_(std::max<std::uint64_t>(1, bytes_per_second_ / (std::chrono::seconds(1) / kSlice))),
      tokens_(burst_),
      filled_(now) {}

std::size_t Shaper::take(std::size_t wanted, MonoTime now) {
  // Whole slices only, so that small figures do not get lost in rounding.
  const auto slices = static_cast<std::uint64_t>(std::max<std::int64_t>(0, (now - filled_) / kSlice));
  filled_ += kSlice * static_cast<std::int64_t>(slices);
  tokens_ = slices > 0 ? burst_ : tokens_;
  const auto taken = std::min<std::uint64_t>(wanted, tokens_);
  tokens_ -= taken;
  return static_cast<std::size_t>(taken);
}

MonoTime Shaper::next() const {
  return filled_ + kSlice;
}

}  // namespace sluice::upstream
