#include <openssl/evp.h>

#include <algorithm>

#include "tls/aead.h"

namespace sluice::tls {
namespace {

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const unsigned char* raw(const std::byte* at) {
  return reinterpret_cast<const unsigned char*>(at);
}
unsigned char* raw(std::byte* at) {
  return reinterpret_cast<unsigned char*>(at);
}

const EVP_CIPHER* cipher_of(Suite suite) {
  switch (suite) {
    case Suite::aes_128_gcm:
      return EVP_aes_128_gcm();
    case Suite::aes_256_gcm:
      return EVP_aes_256_gcm();
    case Suite::chacha20_poly1305:
      return EVP_chacha20_poly1305();
  }
  return nullptr;
}

class EvpAead final : public Aead {
 public:
  explicit EvpAead(CipherContext context) : context_(std::move(context)) {}

  void seal(const Nonce& nonce, std::span<const std::byte> associated, std::span<const std::byte> content,
            std::byte last, std::byte* out) override {
    EVP_CIPHER_CTX* context = context_.get();
    int done = 0;
    EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, raw(nonce.data()), 1);
    EVP_CipherUpdate(context, nullptr, &done, raw(associated.data()), static_cast<int>(associated.size()));
    int written = 0;
    if (!content.empty()) {
      EVP_CipherUpdate(context, raw(out), &done, raw(content.data()), static_cast<int>(content.size()));
      written += done;
    }
    EVP_CipherUpdate(context, raw(out + written), &done, raw(&last), 1);
    written += done;
    EVP_CipherFinal_ex(context, raw(out + written), &done);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagSize, out + content.size() + 1);
  }

  bool open(const Nonce& nonce, std::span<const std::byte> associated, std::span<const std::byte> sealed,
            std::byte* out) override {
    EVP_CIPHER_CTX* context = context_.get();
    const auto body = sealed.first(sealed.size() - kTagSize);
    std::array<std::byte, kTagSize> tag;
    std::copy_n(sealed.end() - kTagSize, kTagSize, tag.begin());
    int done = 0;
    return EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, raw(nonce.data()), 0) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1 &&
           EVP_CipherUpdate(context, nullptr, &done, raw(associated.data()),
                            static_cast<int>(associated.size())) == 1 &&
           EVP_CipherUpdate(context, raw(out), &done, raw(body.data()), static_cast<int>(body.size())) == 1 &&
           EVP_CipherFinal_ex(context, raw(out + done), &done) == 1;
  }

 private:
  CipherContext context_;
};

}  // namespace

std::unique_ptr<Aead> make_evp_aead(Suite suite, std::span<const std::byte> key) {
  CipherContext context(EVP_CIPHER_CTX_new());
  if (!context ||
      EVP_CipherInit_ex(context.get(), cipher_of(suite), nullptr, raw(key.data()), nullptr, 1) != 1)
    return nullptr;
  return std::make_unique<EvpAead>(std::move(context));
}

std::unique_ptr<Aead> make_aead(Suite suite, std::span<const std::byte> key, AeadHome home) {
  if (home == AeadHome::best) {
    if (auto fast = make_ipsec_mb_aead(suite, key)) return fast;
  }
  return make_evp_aead(suite, key);
}

}  // namespace sluice::tls
