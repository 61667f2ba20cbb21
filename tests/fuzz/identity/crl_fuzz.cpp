// A CA bundle, a NUL, and what is in a CRL file: read alike twice, within the limit, with serials as they are
// compared.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/credentials_image.h"
#include "identity/crl.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kSerialsMax = 3;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto cut = std::min(input.find('\0'), input.size());
  const std::vector<std::string> bundles{std::string(input.substr(0, cut))};
  const auto bytes = input.substr(std::min(cut + 1, input.size()));
  const auto crls = sluice::identity::read_crls(bytes, "input", bundles, kSerialsMax);
  const auto again = sluice::identity::read_crls(bytes, "input", bundles, kSerialsMax);
  if (crls.has_value() != again.has_value() || (crls && *crls != *again)) std::abort();
  if (!crls) return 0;
  std::size_t serials = 0;
  for (const auto& crl : *crls) {
    serials += crl.serials.size();
    if (crl.issuer_key.size() != sluice::kKeyDigestSize) std::abort();
    for (const auto& serial : crl.serials)
      if (serial.empty() || serial.size() > sluice::kSerialHexMax) std::abort();
  }
  if (serials > kSerialsMax) std::abort();
  return 0;
}
