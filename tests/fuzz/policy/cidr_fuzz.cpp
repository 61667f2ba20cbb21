// Any text as a CIDR or an address: what is accepted is printed in one form, which is read as the same again,
// and contains its own base.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto prefix = Prefix::parse(text)) {
    if (prefix->length > 128 || !prefix->contains(prefix->base)) std::abort();
    if (Prefix::parse(prefix->text()) != prefix) std::abort();
  }
  if (const auto ip = IpAddr::parse(text); ip && IpAddr::parse(ip->text()) != ip) std::abort();
  if (const auto to = SocketAddr::parse(text); to && SocketAddr::parse(to->text()) != to) std::abort();
  return 0;
}
