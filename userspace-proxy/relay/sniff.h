// What an incoming connection begins with, found out without holding up protocols in which the server speaks
// first. The bytes that were read are handed on: nothing is lost whatever the verdict.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "io/socket.h"
#include "io/task.h"
#include "tls/client_hello.h"

namespace sluice::relay {

// How long a client that might be server-first is waited for before the application is dialled.
inline constexpr Nanos kServerFirstSilence = Millis(50);
// How long a client may take to show enough of its first bytes.
inline constexpr Nanos kFirstBytesLimit = Millis(10'000);

struct FirstBytes {
  enum class Kind : std::uint8_t {
    mesh_tls,         // ClientHello with one of the mesh's own ALPN names
    application_tls,  // any other ClientHello
    plaintext,
    silence,  // nothing came within the silence that was granted
    partial,  // looks like a ClientHello, but the rest did not come within the limit
    ended     // the client closed its direction before anything came
  };
  Kind kind = Kind::silence;
  tls::ClientHello hello;
  std::vector<std::byte> bytes;  // everything read so far, at most one receive above tls::kSniffMax
};

// Reads until the kind is known. `silence`: return with Kind::silence when no byte has come by then; it is at
// most `limit`, which bounds the whole. Errors are the socket's.
io::Task<Result<FirstBytes>> sniff(io::Socket& socket, Nanos silence, Nanos limit);

}  // namespace sluice::relay
