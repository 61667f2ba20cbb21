// TrafficSecret: the application traffic secret of one direction and what follows from it (RFC 8446 7.1
// to 7.3).
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "tls/aead.h"

namespace sluice::tls {

struct RecordKey {
  std::unique_ptr<Aead> cipher;
  Nonce iv{};
};

class TrafficSecret {
 public:
  // At most 48 bytes (SHA-384); the suite names the hash.
  TrafficSecret(Suite suite, std::span<const std::byte> secret);
  ~TrafficSecret();
  TrafficSecret(const TrafficSecret&) = default;
  TrafficSecret& operator=(const TrafficSecret&) = default;

  // Both are false, or without a cipher, when OpenSSL fails.
  RecordKey key(AeadHome home) const;
  // KeyUpdate: this secret gives way to its successor.
  bool advance();

 private:
  bool expand(const char* label, std::span<std::byte> out) const;

  Suite suite_;
  std::array<std::byte, 48> bytes_{};
};

}  // namespace sluice::tls
