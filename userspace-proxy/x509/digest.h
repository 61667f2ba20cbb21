// Message digests.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// SHA-256 of the bytes, as padded base64.
std::string sha256_base64(std::string_view bytes);

}  // namespace sluice
