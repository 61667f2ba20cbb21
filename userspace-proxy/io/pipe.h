// A pair of streams in memory: what is written at one end is read at the other, as over a connection, with
// back-pressure, half-close and reset. Both ends belong to one ring.
#pragma once

#include <cstddef>
#include <memory>

#include "io/ring.h"
#include "io/stream.h"

namespace sluice::io {

inline constexpr std::size_t kPipeBytesMax = 64 * 1024;  // written and not yet read, of one direction

struct PipeEnds {
  std::unique_ptr<Stream> client;  // its far end is upstream
  std::unique_ptr<Stream> server;  // its far end is downstream
};
// An end that dies closes: the other one reads what was written and then the end.
PipeEnds make_pipe(Ring& ring);

}  // namespace sluice::io
