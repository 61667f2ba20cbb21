// Aead: the cipher of one direction of a TLS 1.3 connection, ready for use. Two homes of the arithmetic:
// libipsec-mb where the machine has it (x86-64; a seventh of libssl's cost for small records), OpenSSL's EVP
// elsewhere. Key material is wiped when the Aead dies. Used by one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace sluice::tls {

// TLS 1.3's three ciphers in use (RFC 8446 B.4).
enum class Suite : std::uint8_t { aes_128_gcm, aes_256_gcm, chacha20_poly1305 };

inline constexpr std::size_t kNonceSize = 12;
inline constexpr std::size_t kTagSize = 16;
inline constexpr std::size_t key_size(Suite suite) {
  return suite == Suite::aes_128_gcm ? 16 : 32;
}

using Nonce = std::array<std::byte, kNonceSize>;

class Aead {
 public:
  virtual ~Aead() = default;
  // Encrypts `content` followed by the byte `last` to `out`, then the tag: content.size() + 1 + kTagSize
  // bytes. `out` does not overlap `content`.
  virtual void seal(const Nonce& nonce, std::span<const std::byte> associated,
                    std::span<const std::byte> content, std::byte last, std::byte* out) = 0;
  // Decrypts `sealed` (ciphertext and tag) to `out`, which may be sealed.data(). False: forged; `out` holds
  // nothing of use then. Precondition: sealed.size() >= kTagSize.
  virtual bool open(const Nonce& nonce, std::span<const std::byte> associated,
                    std::span<const std::byte> sealed, std::byte* out) = 0;
};

enum class AeadHome : std::uint8_t { best, evp };

// Null when the cipher cannot be had (memory, or a provider without it). `key` has key_size(suite) bytes.
std::unique_ptr<Aead> make_aead(Suite suite, std::span<const std::byte> key, AeadHome home = AeadHome::best);
std::unique_ptr<Aead> make_evp_aead(Suite suite, std::span<const std::byte> key);
// Null where libipsec-mb is not built in.
std::unique_ptr<Aead> make_ipsec_mb_aead(Suite suite, std::span<const std::byte> key);

}  // namespace sluice::tls
