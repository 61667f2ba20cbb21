// TlsStream: a mesh TLS connection as an io::Stream, over any other Stream. Plaintext in and out; finish()
// sends close_notify and then ends the transport's direction, the peer's close_notify reads as the orderly
// end. A TlsStream exists only after the handshake succeeded, so its peer is always proved. Handshakes makes
// them.
#pragma once

#include <memory>
#include <optional>

#include "io/ring.h"
#include "io/signal.h"
#include "io/stream.h"
#include "tls/engine.h"

namespace sluice::tls {

class TlsStream final : public io::Stream {
 public:
  // Preconditions: `engine` is ready(). `unread`: ciphertext that arrived and was not fed yet.
  TlsStream(io::Ring& ring, std::unique_ptr<io::Stream> transport, std::unique_ptr<Engine> engine,
            io::Chunk unread);

  io::Task<Result<io::Chunk>> read() override;
  io::Task<Result<>> write(io::Chunk chunk) override;
  io::Task<Result<>> write(std::span<const std::byte> bytes) override;
  io::Task<Result<>> finish() override;
  void reset(Error why) override;

  const PeerIdentity& peer() const { return *engine_->peer(); }
  std::shared_ptr<const PeerIdentity> shared_peer() const { return engine_->peer(); }
  Alpn alpn() const { return engine_->alpn(); }
  bool resumed() const { return engine_->resumed(); }
  io::Stream& transport() { return *transport_; }

 private:
  Result<io::Chunk> decrypt_into(io::Chunk chunk);
  io::Task<Result<>> flush();

  std::unique_ptr<io::Stream> transport_;
  std::unique_ptr<Engine> engine_;
  io::Chunk unread_;
  bool drained_ = false;   // the engine has no plaintext left
  bool flushing_ = false;  // somebody is sending the engine's output
  io::Signal flushed_;
  std::optional<Error> broken_;  // a send failed
};

}  // namespace sluice::tls
