// TunnelStream: one application connection inside a tunnel, as the relay sees it.
#pragma once

#include <memory>
#include <optional>

#include "io/signal.h"
#include "io/stream.h"
#include "tunnel/session.h"
#include "tunnel/spill.h"

namespace sluice::tunnel {

class Tunnel;

class TunnelStream final : public io::Stream {
 public:
  TunnelStream(std::shared_ptr<Tunnel> tunnel, StreamId id, FlowMeter meter);
  // Closes: what was finished still goes out, anything else is cancelled.
  ~TunnelStream() override;
  TunnelStream(const TunnelStream&) = delete;
  TunnelStream& operator=(const TunnelStream&) = delete;

  // Client: waits until the server's side has reached the application, or the reason why not. Bytes may be
  // written before; they wait at the server.
  io::Task<Result<>> answered();
  // Server: tells the client so. A first write or finish does it too.
  void answer();

  io::Task<Result<io::Chunk>> read() override;
  io::Task<Result<>> write(io::Chunk chunk) override;
  io::Task<Result<>> write(std::span<const std::byte> bytes) override;
  io::Task<Result<>> finish() override;
  // Only this stream; the far end is told `why.reason` (error_code.h).
  void reset(Error why) override;

 private:
  friend class Tunnel;
  void on_event(const Event& event);

  std::shared_ptr<Tunnel> tunnel_;
  StreamId id_;
  FlowMeter meter_;
  io::Signal readable_;
  io::Signal writable_;
  bool answered_ = false;
  std::optional<Error> error_;
  bool heard_out_ = false;  // error_ concerns writing only
};

}  // namespace sluice::tunnel
