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
  // Preconditions: `engine` is ready(). `unread`: ciphertext that arrived and was not fed yet. The records
  // are ours from here on, except where the engine keeps them (TLS 1.2).
  TlsStream(io::Ring& ring, std::unique_ptr<io::Stream> transport, std::unique_ptr<Engine> engine,
            io::Chunk unread);

  io::Task<Result<io::Chunk>> read() override;
  io::Task<Result<>> write(io::Chunk chunk) override;
  io::Task<Result<>> write(std::span<const std::byte> bytes) override;
  io::Task<Result<>> finish() override;
  void reset(Error why) override;
  void rest() override;

  const PeerIdentity& peer() const { return *peer_; }
  std::shared_ptr<const PeerIdentity> shared_peer() const { return peer_; }
  Alpn alpn() const { return alpn_; }
  bool resumed() const { return resumed_; }
  io::Stream& transport() { return *transport_; }

 private:
  // By Records, and by the engine.
  io::Task<Result<io::Chunk>> read_records();
  io::Task<Result<io::Chunk>> read_engine();
  io::Task<Result<>> finish_records();
  io::Task<Result<>> write_records(std::span<const std::byte> bytes, io::Chunk* to_free);
  io::Task<Result<>> send_sealed(io::Chunk sealed);
  io::Task<Result<>> our_turn();

  void let_engine_go();
  Result<io::Chunk> decrypt_into(io::Chunk chunk);
  io::Task<Result<>> flush();

  std::unique_ptr<io::Stream> transport_;
  std::unique_ptr<Engine> engine_;  // null once records_ do without it
  std::shared_ptr<const PeerIdentity> peer_;
  Alpn alpn_;
  bool resumed_;
  io::Chunk released_;                // what the engine held when records_ took over; read before unread_
  std::unique_ptr<Records> records_;  // null: the engine's
  io::Chunk unread_;
  bool drained_ = false;   // the engine has no plaintext left
  bool flushing_ = false;  // somebody is sending
  io::Signal flushed_;
  std::optional<Error> broken_;  // a send failed
};

}  // namespace sluice::tls
