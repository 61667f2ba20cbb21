#include "keeper/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace sluice::keeper {

Outcome<std::array<Fd, 2>> Channel::make_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fault_errno("cannot make a channel", errno);
  return std::array{Fd(ends[0]), Fd(ends[1])};
}

// unix(7) sockets are writable while a quarter of the send buffer is free, which is many packets of the
// largest size: a send after this does not block.
bool Channel::takes_more() const {
  pollfd entry{socket_.get(), POLLOUT, 0};
  return ::poll(&entry, 1, 0) == 1;
}

Outcome<> Channel::send(message::Type type, std::uint64_t request, std::span<const std::byte> body,
                        std::span<const int> fds) {
  const message::Header header{message::kMagic, type, request};
  if (queue_.empty() && takes_more()) return message::send(socket_.get(), header, body, fds);
  if (queue_.size() >= kQueueMax) return fault("the child does not read its channel");
  message::Packet packet{header, {body.begin(), body.end()}, {}};
  for (const int fd : fds) {
    packet.fds.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!packet.fds.back()) return fault_errno("cannot hold a descriptor for the child", errno);
  }
  queue_.push_back(std::move(packet));
  return {};
}

Outcome<> Channel::flush() {
  while (!queue_.empty() && takes_more()) {
    const auto& packet = queue_.front();
    std::vector<int> fds;
    for (const auto& fd : packet.fds) fds.push_back(fd.get());
    const auto sent = message::send(socket_.get(), packet.header, packet.body, fds);
    if (!sent) return sent;
    queue_.pop_front();
  }
  return {};
}

}  // namespace sluice::keeper
