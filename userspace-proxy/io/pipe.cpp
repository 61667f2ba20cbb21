#include "io/pipe.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <optional>
#include <utility>

#include "io/signal.h"

namespace sluice::io {
namespace {

// One direction.
struct Way {
  explicit Way(Ring& ring) : readable(ring), writable(ring) {}
  std::deque<Chunk> chunks;
  std::size_t bytes = 0;
  bool ended = false;        // nothing more will be written
  bool reader_gone = false;  // nothing more will be read
  Signal readable;
  Signal writable;

  void clear() {
    chunks.clear();
    bytes = 0;
  }
  void notify() {
    readable.notify();
    writable.notify();
  }
};

struct Pipe {
  explicit Pipe(Ring& ring) : up(ring), down(ring) {}
  Way up;
  Way down;
  std::optional<Error> client_error;
  std::optional<Error> server_error;
};

class PipeEnd final : public Stream {
 public:
  PipeEnd(std::shared_ptr<Pipe> pipe, bool client)
      : pipe_(std::move(pipe)),
        client_(client),
        in_(client ? pipe_->down : pipe_->up),
        out_(client ? pipe_->up : pipe_->down),
        error_(client ? pipe_->client_error : pipe_->server_error),
        far_error_(client ? pipe_->server_error : pipe_->client_error) {}
  ~PipeEnd() override {
    out_.ended = true;
    in_.reader_gone = true;
    in_.clear();
    out_.notify();
    in_.notify();
  }

  Task<Result<Chunk>> read() override;
  Task<Result<>> write(Chunk chunk) override;
  Task<Result<>> write(std::span<const std::byte> bytes) override;
  Task<Result<>> finish() override;
  void reset(Error why) override;

 private:
  static Error lost(bool client, int sys_errno) {
    return client ? Error{Reason::upstream_reset, Origin::upstream, sys_errno, "pipe"}
                  : Error{Reason::client_reset, Origin::downstream, sys_errno, "pipe"};
  }

  std::shared_ptr<Pipe> pipe_;
  const bool client_;
  Way& in_;
  Way& out_;
  std::optional<Error>& error_;
  std::optional<Error>& far_error_;
};

Task<Result<Chunk>> PipeEnd::read() {
  while (true) {
    if (error_) co_return std::unexpected(*error_);
    if (!in_.chunks.empty()) {
      Chunk chunk = std::move(in_.chunks.front());
      in_.chunks.pop_front();
      in_.bytes -= chunk.size();
      in_.writable.notify();
      co_return chunk;
    }
    if (in_.ended) co_return Chunk();
    const auto woken = co_await in_.readable.wait();
    if (!woken) co_return std::unexpected(woken.error());
  }
}

Task<Result<>> PipeEnd::write(Chunk chunk) {
  while (true) {
    if (error_) co_return std::unexpected(*error_);
    if (out_.reader_gone || out_.ended) co_return std::unexpected(lost(client_, EPIPE));
    if (chunk.empty()) co_return Result<>();
    if (out_.bytes < kPipeBytesMax) break;
    const auto woken = co_await out_.writable.wait();
    if (!woken) co_return woken;
  }
  // What waits for a slow reader keeps no buffer of the ring's pool.
  if (chunk.pooled() && !out_.chunks.empty()) chunk = Chunk::copy_of(chunk.bytes());
  out_.bytes += chunk.size();
  out_.chunks.push_back(std::move(chunk));
  out_.readable.notify();
  co_return Result<>();
}

Task<Result<>> PipeEnd::write(std::span<const std::byte> bytes) {
  while (true) {
    const auto part = bytes.first(std::min(bytes.size(), kPipeBytesMax));
    const auto written = co_await write(Chunk::copy_of(part));
    bytes = bytes.subspan(part.size());
    if (!written || bytes.empty()) co_return written;
  }
}

Task<Result<>> PipeEnd::finish() {
  if (error_) co_return std::unexpected(*error_);
  out_.ended = true;
  out_.readable.notify();
  co_return Result<>();
}

void PipeEnd::reset(Error why) {
  if (error_) return;
  error_ = why;
  if (!far_error_) far_error_ = lost(!client_, ECONNRESET);
  in_.clear();
  out_.clear();
  in_.notify();
  out_.notify();
}

}  // namespace

PipeEnds make_pipe(Ring& ring) {
  const auto pipe = std::make_shared<Pipe>(ring);
  return {std::make_unique<PipeEnd>(pipe, true), std::make_unique<PipeEnd>(pipe, false)};
}

}  // namespace sluice::io
