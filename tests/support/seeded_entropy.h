// While one of these lives, whatever OpenSSL draws at random comes from a seed: handshakes, keys, signatures
// and their lengths replay exactly. One at a time, one thread; for simulations only.
#pragma once

#include <cstdint>

namespace sluice::support {

class SeededEntropy {
 public:
  explicit SeededEntropy(std::uint64_t seed);
  ~SeededEntropy();
  SeededEntropy(const SeededEntropy&) = delete;
  SeededEntropy& operator=(const SeededEntropy&) = delete;
};

}  // namespace sluice::support
