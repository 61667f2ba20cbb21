#include "x509/digest.h"

#include <openssl/evp.h>

#include <array>
#include <cassert>

namespace sluice {

std::string sha256_base64(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  unsigned size = 0;
  [[maybe_unused]] const int done =
      ::EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, ::EVP_sha256(), nullptr);
  assert(done == 1 && size == digest.size());
  std::array<unsigned char, 45> text{};  // 4 for every 3 bytes, and a final zero
  const int length = ::EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest.size()));
  return {text.begin(), text.begin() + length};
}

}  // namespace sluice
