// A connection to a server outside the mesh as an io::Stream: OpenSSL from the handshake to the end, any
// version it speaks. The handshake must have succeeded before the stream is used.
#pragma once

#include <memory>
#include <optional>

#include "io/ring.h"
#include "io/signal.h"
#include "tls/openssl_ptr.h"
#include "tls/outside.h"
#include "tls/pipe_bio.h"

namespace sluice::tls {

class OutsideStream final : public io::Stream {
 public:
  OutsideStream(io::Ring& ring, std::unique_ptr<io::Stream> transport, std::shared_ptr<const Outside> outside,
                OutsideTarget target);

  const Outside& outside() const { return *outside_; }
  const OutsideTarget& target() const { return target_; }

  io::Task<Result<>> handshake(io::OffloadPool* pool);

  io::Task<Result<io::Chunk>> read() override;
  io::Task<Result<>> write(io::Chunk chunk) override;
  io::Task<Result<>> write(std::span<const std::byte> bytes) override;
  io::Task<Result<>> finish() override;
  void reset(Error why) override { transport_->reset(why); }

 private:
  enum class Step : std::uint8_t { done, reads, failed };
  Step step();
  io::Chunk decrypt(int& error);
  io::Task<Result<>> receive();
  io::Task<Result<>> flush();
  Error why_failed() const;

  std::unique_ptr<io::Stream> transport_;
  const std::shared_ptr<const Outside> outside_;
  const OutsideTarget target_;
  Pipe pipe_;
  bool ended_ = false;   // the transport has
  bool closed_ = false;  // close_notify came
  bool flushing_ = false;
  io::Signal flushed_;
  std::optional<Error> broken_;                      // a send failed
  std::unique_ptr<SSL, x509::Freer<SSL_free>> ssl_;  // last, because it uses the others
};

}  // namespace sluice::tls
