// The keeper's end of a child's SOCK_SEQPACKET channel. Never blocks the keeper: what the child does not take
// yet waits in a bounded queue.
#pragma once

#include <array>
#include <deque>
#include <utility>

#include "base/message.h"

namespace sluice::keeper {

class Channel {
 public:
  // Packets that may wait; a full replay of 4096 workloads (two listeners each) fits.
  static constexpr std::size_t kQueueMax = 16384;

  explicit Channel(Fd socket) : socket_(std::move(socket)) {}

  // A connected pair, close-on-exec, blocking.
  static Outcome<std::array<Fd, 2>> make_pair();

  // Sends or queues (descriptors are duplicated while queued). After a failure the channel is broken.
  Outcome<> send(message::Type type, std::uint64_t request, std::span<const std::byte> body,
                 std::span<const int> fds = {});
  template <typename Body>
  Outcome<> send_body(message::Type type, std::uint64_t request, const Body& body,
                      std::span<const int> fds = {}) {
    return send(type, request, std::as_bytes(std::span(&body, 1)), fds);
  }
  Outcome<> flush();
  // The next packet; only after poll() said that there is one (or that the other side is gone: a Fault).
  Outcome<message::Packet> receive() { return message::receive(socket_.get()); }

  int fd() const { return socket_.get(); }
  bool has_queue() const { return !queue_.empty(); }

 private:
  bool takes_more() const;
  Fd socket_;
  std::deque<message::Packet> queue_;
};

}  // namespace sluice::keeper
