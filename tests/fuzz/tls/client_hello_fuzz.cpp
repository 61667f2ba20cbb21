// The sniffer never reads past its input, always decides within kSniffMax, and never changes its mind when
// more bytes arrive.
#include <cstdint>
#include <cstdlib>

#include "tls/client_hello.h"

using sluice::tls::ClientHello;
using sluice::tls::HelloKind;
using sluice::tls::sniff_client_hello;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const ClientHello whole = sniff_client_hello(bytes);
  if (whole.kind == HelloKind::need_more && size >= sluice::tls::kSniffMax) std::abort();
  if ((whole.kind == HelloKind::mesh_tls) != (whole.sluice || whole.sluice_h2)) std::abort();
  for (const char c : whole.sni())
    if (c <= ' ' || c > '~') std::abort();
  const ClientHello half = sniff_client_hello(bytes.first(size / 2));
  if (half.kind != HelloKind::need_more && half.kind != whole.kind) std::abort();
  return 0;
}
