#include "tls/traffic_secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace sluice::tls {
namespace {

std::size_t hash_size(Suite suite) {
  return suite == Suite::aes_256_gcm ? 48 : 32;
}

}  // namespace

TrafficSecret::TrafficSecret(Suite suite, std::span<const std::byte> secret) : suite_(suite) {
  std::copy_n(secret.begin(), std::min(secret.size(), bytes_.size()), bytes_.begin());
}

TrafficSecret::~TrafficSecret() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

// HKDF-Expand-Label with an empty context. Nothing here is longer than the hash, so HKDF-Expand is one HMAC.
bool TrafficSecret::expand(const char* label, std::span<std::byte> out) const {
  const std::string_view name(label);
  std::array<unsigned char, 32> info{};
  std::size_t size = 0;
  info[size++] = 0;
  info[size++] = static_cast<unsigned char>(out.size());
  info[size++] = static_cast<unsigned char>(6 + name.size());
  for (const char c : std::string_view("tls13 ")) info[size++] = static_cast<unsigned char>(c);
  for (const char c : name) info[size++] = static_cast<unsigned char>(c);
  info[size++] = 0;
  info[size++] = 1;  // HKDF's block counter
  std::array<unsigned char, EVP_MAX_MD_SIZE> block;
  unsigned made = 0;
  const EVP_MD* hash = suite_ == Suite::aes_256_gcm ? EVP_sha384() : EVP_sha256();
  if (HMAC(hash, bytes_.data(), static_cast<int>(hash_size(suite_)), info.data(), size, block.data(),
           &made) == nullptr ||
      made < out.size())
    return false;
  std::memcpy(out.data(), block.data(), out.size());
  OPENSSL_cleanse(block.data(), block.size());
  return true;
}

RecordKey TrafficSecret::key(AeadHome home) const {
  RecordKey out;
  std::array<std::byte, 32> key;
  const auto used = std::span(key).first(key_size(suite_));
  if (expand("iv", out.iv) && expand("key", used)) out.cipher = make_aead(suite_, used, home);
  OPENSSL_cleanse(key.data(), key.size());
  return out;
}

bool TrafficSecret::advance() {
  std::array<std::byte, 48> next{};
  if (!expand("traffic upd", std::span(next).first(hash_size(suite_)))) return false;
  bytes_ = next;
  OPENSSL_cleanse(next.data(), next.size());
  return true;
}

}  // namespace sluice::tls
