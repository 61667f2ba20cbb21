// SocketSource: where sockets of a workload's own network namespace come from (the keeper makes them in
// batches).
#pragma once

#include <cstdint>

#include "base/result.h"
#include "io/socket.h"
#include "io/task.h"

namespace sluice::io {

// mesh_out: plain, for connections that leave the workload. app_in: transparent and marked, for connections
// to the application that carry the client's own source address.
enum class SocketKind : std::uint8_t { mesh_out, app_in };

class SocketSource {
 public:
  virtual ~SocketSource() = default;
  // An unconnected, unbound socket. Fails with Reason::no_socket.
  virtual Task<Result<Socket>> make(std::uint32_t workload, SocketKind kind) = 0;
};

}  // namespace sluice::io
