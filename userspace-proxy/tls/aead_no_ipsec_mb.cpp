// Built in place of aead_ipsec_mb.cpp where the library is missing (anything but x86-64).
#include "tls/aead.h"

namespace sluice::tls {

std::unique_ptr<Aead> make_ipsec_mb_aead(Suite, std::span<const std::byte>) {
  return nullptr;
}

}  // namespace sluice::tls
