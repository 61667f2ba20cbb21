// Whatever decodes is encoded to the same bytes again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/credentials_image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto image = sluice::decode_credentials(bytes);
  if (image && !std::ranges::equal(sluice::encode_credentials(*image), bytes)) std::abort();
  return 0;
}
