// What a RST_STREAM means. A reason of reasons.def travels as 0x534c0000 ("SL") plus its number, which is
// stable; the numbers of RFC 9113 section 7 are understood too. What a peer sends is believed only where it
// is the peer's to say.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace sluice::tunnel {

enum class Role : std::uint8_t { client, server };

// For RST_STREAM, from our own error.
std::uint32_t code_of(const Error& error);

// `role`: ours. A client may be told why the server's side refused or lost the connection; anything else is
// upstream_reset. To a server every reset is client_reset.
Error error_of(std::uint32_t code, Role role);

}  // namespace sluice::tunnel
