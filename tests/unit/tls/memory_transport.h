// Two joined io::Streams in memory and a backend that has nothing but time, so that TlsStream can be tested
// without sockets: time jumps to the next timer when nothing else is left to do.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "io/ring.h"
#include "io/signal.h"
#include "io/stream.h"

namespace sluice::tls {

class TimeOnlyBackend final : public io::Backend {
 public:
  Outcome<> start() override { return {}; }
  MonoTime now() const override { return now_; }
  bool turn(MonoTime deadline) override {
    if (deadline == MonoTime::max()) return false;
    if (deadline > now_) now_ = deadline;
    return true;
  }
  void wake() noexcept override {}
  void accept(io::Operation&, io::SocketHandle) override { std::abort(); }
  bool connection_waits(io::SocketHandle) const override { std::abort(); }
  void receive(io::Operation&, io::SocketHandle, io::BufferClass) override { std::abort(); }
  void receive_heap(io::Operation&, io::SocketHandle) override { std::abort(); }
  void send(io::Operation&, io::SocketHandle, std::span<const std::span<const std::byte>>) override {
    std::abort();
  }
  void connect(io::Operation&, io::SocketHandle, const SocketAddr&) override { std::abort(); }
  void shutdown_write(io::Operation&, io::SocketHandle) override { std::abort(); }
  void cancel(io::Operation&) override {}
  void cancel_all(io::SocketHandle) override {}
  void close(io::SocketHandle, bool) override {}
  io::SocketHandle adopt(Fd) override { return {}; }
  io::SocketHandle settle(io::SocketHandle connected) override { return connected; }
  Result<io::SocketHandle> make_listener(const SocketAddr&, int) override { std::abort(); }
  Result<io::SocketHandle> make_socket(const SocketAddr&) override { std::abort(); }
  Result<> bind(io::SocketHandle, const SocketAddr&) override { std::abort(); }
  SocketAddr local_address(io::SocketHandle) const override { return {}; }
  SocketAddr peer_address(io::SocketHandle) const override { return {}; }
  int descriptor(io::SocketHandle) const override { return -1; }
  const std::vector<io::Feature>& features() const override { return features_; }
  io::BackendStats stats() const override { return {}; }

 private:
  MonoTime now_{std::chrono::seconds(1)};
  std::vector<io::Feature> features_;
};

// One direction: at most `limit` bytes wait in it, handed out at most `piece` at a time.
struct MemoryLane {
  explicit MemoryLane(io::Ring& ring) : changed(ring) {}
  std::deque<std::byte> bytes;
  bool ended = false;
  std::optional<Error> broken;
  std::size_t limit = 64 * 1024;
  std::size_t piece = 16 * 1024;
  io::Signal changed;
};

class MemoryTransport final : public io::Stream {
 public:
  using Lane = std::shared_ptr<MemoryLane>;
  MemoryTransport(Lane in, Lane out) : in_(std::move(in)), out_(std::move(out)) {}
  ~MemoryTransport() override { end(); }

  io::Task<Result<io::Chunk>> read() override;
  io::Task<Result<>> write(io::Chunk chunk) override;
  io::Task<Result<>> write(std::span<const std::byte> bytes) override;
  io::Task<Result<>> finish() override;
  void reset(Error why) override;

 private:
  void end() {
    out_->ended = true;
    out_->changed.notify();
  }
  Lane in_;
  Lane out_;
};

}  // namespace sluice::tls
