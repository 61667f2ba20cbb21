// One packet between keeper, agent and proxy, with whatever bytes and up to three descriptors: it is taken
// with exactly the bytes that were sent, or refused; nothing in between, and no descriptor is left open.
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <type_traits>

#include "base/message.h"

using namespace sluice;

namespace {

template <typename... Bodies>
void try_bodies(const message::Packet& packet) {
  const auto one = [&]<typename Body>(std::type_identity<Body>) {
    const auto body = message::body_of<Body>(packet, 0, 1);
    const bool fits = packet.body.size() == sizeof(Body) && packet.fds.size() <= 1;
    if (body.has_value() != fits) std::abort();
    if (body && std::memcmp(&*body, packet.body.data(), sizeof(Body)) != 0) std::abort();
  };
  (one(std::type_identity<Bodies>{}), ...);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > message::kMaxBytes + sizeof(message::Header) + 64) return 0;
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) std::abort();
  const Fd from(ends[0]);
  const Fd to(ends[1]);
  const int spare = ::dup(from.get());
  const Fd holder(spare);

  // The first byte says how many descriptors go along; the rest is the packet.
  const std::size_t fds = data[0] % 4;
  iovec part{const_cast<std::uint8_t*>(data) + 1, size - 1};
  alignas(cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))] = {};
  msghdr packet{};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  if (fds > 0) {
    packet.msg_control = control;
    packet.msg_controllen = CMSG_SPACE(fds * sizeof(int));
    cmsghdr* head = CMSG_FIRSTHDR(&packet);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(fds * sizeof(int));
    for (std::size_t i = 0; i < fds; ++i) std::memcpy(CMSG_DATA(head) + i * sizeof(int), &spare, sizeof(int));
  }
  if (::sendmsg(from.get(), &packet, 0) < 0) return 0;
  if (const auto taken = message::receive(to.get())) {
    if (taken->header.magic != message::kMagic || taken->fds.size() != fds) std::abort();
    if (taken->body.size() + sizeof(message::Header) != size - 1) std::abort();
    if (std::memcmp(taken->body.data(), data + 1 + sizeof(message::Header), taken->body.size()) != 0)
      std::abort();
    try_bodies<message::ProxySettings, message::AddWorkload, message::WorkloadReady, message::PeerLink,
               message::ChildState, message::Listener, message::Drain, message::MakeSockets, message::Sockets,
               message::Section, message::SectionVerdict>(*taken);
  }
  // A refusal, too, must have closed what came along: the next descriptor has the number it had before.
  const int probe = ::dup(from.get());
  ::close(probe);
  if (probe > 64) std::abort();
  return 0;
}
