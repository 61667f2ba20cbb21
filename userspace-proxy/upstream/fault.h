// MeshFaultInjection's dice, thrown once per request, and the shaping of answers that it may ask for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "policy/table/http_image.h"
#include "upstream/random.h"

namespace sluice::upstream {

// What happens to one request. The rules that apply add up in their order, each as a filter of its own would:
// delays one after the other until one aborts; answers as slow as the slowest that fires.
struct FaultPlan {
  Nanos delay{};
  std::uint16_t abort_status = 0;    // after the delay; 0: the request goes on
  std::uint64_t bandwidth_kbps = 0;  // 0: not shaped
  // Throws the dice of one more rule; after an abort nothing more happens.
  void add(const policy::Fault& fault, Random& random);
  bool strikes() const { return delay > Nanos::zero() || abort_status != 0; }  // before the request goes on
};

// A steady trickle of an answer's bytes. Kuma's kbps are Envoy's limit_kbps: 1024 bytes a second each.
class Shaper {
 public:
  // Precondition: kbps > 0.
  Shaper(std::uint64_t kbps, MonoTime now);
  // How many bytes may go now, `wanted` at most; they count as sent. The burst is what kSlice brings.
  std::size_t take(std::size_t wanted, MonoTime now);
  // When at least one more may go, and it is worth looking: a slice from now, at most.
  MonoTime next() const;
  static constexpr Nanos kSlice = Millis(50);

 private:
  std::uint64_t bytes_per_second_;
  std::uint64_t burst_;
  std::uint64_t tokens_;
  MonoTime filled_;
};

}  // namespace sluice::upstream
