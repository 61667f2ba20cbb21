// Stream: an ordered pair of byte streams with independent ends, as the relay sees it: a plain socket, a TLS
// connection or a tunnel's stream. One read and one write (or finish) may be awaited at the same time.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "base/result.h"
#include "io/buffer.h"
#include "io/socket.h"
#include "io/task.h"

namespace sluice::io {

class Stream {
 public:
  virtual ~Stream() = default;
  // The next bytes; an empty chunk is the far end's orderly end.
  virtual Task<Result<Chunk>> read() = 0;
  // All bytes are taken, or an error. The span form: `bytes` stay valid until it ends.
  virtual Task<Result<>> write(Chunk chunk) = 0;
  virtual Task<Result<>> write(std::span<const std::byte> bytes) = 0;
  // Half-close: nothing more will be written; reading goes on.
  virtual Task<Result<>> finish() = 0;
  // Ends both directions at once; the far end sees a reset, pending operations end with `why`. The Stream
  // stays valid until destroyed (after the tasks that wait on it have ended).
  virtual void reset(Error why) = 0;
  // Nothing is expected for a while: memory that the next byte can bring back is given back. Never ends
  // anything, and may be called while a read is awaited.
  virtual void rest() {}
};

class SocketStream final : public Stream {
 public:
  explicit SocketStream(Socket socket) : socket_(std::move(socket)) {}
  // Closes: in order, or by RST after reset().
  ~SocketStream() override;

  Task<Result<Chunk>> read() override;
  Task<Result<>> write(Chunk chunk) override;
  Task<Result<>> write(std::span<const std::byte> bytes) override;
  Task<Result<>> finish() override;
  void reset(Error why) override;

  Socket& socket() { return socket_; }

 private:
  Socket socket_;
  bool reset_ = false;
};

}  // namespace sluice::io
