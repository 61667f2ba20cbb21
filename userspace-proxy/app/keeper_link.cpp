#include "app/keeper_link.h"

#include <utility>

namespace sluice::app {
namespace {

using message::Type;

Outcome<> take_listener(Proxy& proxy, message::Packet& packet) {
  const auto body = message::body_of<message::Listener>(packet, 1, 1);
  if (!body) return std::unexpected(body.error());
  const bool out = body->slot == message::ListenerSlot::out;
  if (!out && body->slot != message::ListenerSlot::in) return fault("listener for an unknown slot");
  proxy.add_listener(WorkloadId{body->workload}, out ? Direction::outbound : Direction::inbound,
                     packet.fds[0]);
  return {};
}

Outcome<> take_sockets(Proxy& proxy, message::Packet& packet) {
  const auto body = message::body_of<message::Sockets>(packet, 0, message::kMaxFds);
  if (!body) return std::unexpected(body.error());
  if (body->error == 0 && packet.fds.empty()) return fault("answer without sockets and without an error");
  proxy.deliver_sockets(packet.header.request, *body, std::move(packet.fds));
  return {};
}

}  // namespace

bool KeeperLink::ask(std::size_t worker, const message::MakeSockets& request) const {
  return message::send_body(channel_.get(), Type::make_sockets, worker, request).has_value();
}

void KeeperLink::tell_serving() const {
  (void)message::send(channel_.get(), {message::kMagic, Type::serving, 0}, {});
}

Outcome<> KeeperLink::receive(Proxy& proxy, Log& log, const Handlers& handlers) {
  auto packet = message::receive(channel_.get());
  if (!packet) return std::unexpected(packet.error());
  switch (packet->header.type) {
    case Type::listener:
      return take_listener(proxy, *packet);
    case Type::sockets:
      return take_sockets(proxy, *packet);
    case Type::listener_gone: {
      const auto body = message::body_of<message::ListenerGone>(*packet, 0, 0);
      if (!body) return std::unexpected(body.error());
      proxy.remove_workload(WorkloadId{body->workload});
      return {};
    }
    case Type::heartbeat_map: {
      if (packet->fds.size() != 1) return fault("heartbeat map without its descriptor");
      // Without it the kernel side soon takes the proxy for dead, which is what fail modes are for: go on.
      if (const auto mapped = proxy.map_heartbeat(packet->fds[0]); !mapped)
        log.error("{}", mapped.error().message);
      return {};
    }
    case Type::peer_link: {
      const auto body = message::body_of<message::PeerLink>(*packet, 1, 1);
      if (!body) return std::unexpected(body.error());
      handlers.agent_link(std::move(packet->fds[0]));
      return {};
    }
    case Type::drain: {
      const auto body = message::body_of<message::Drain>(*packet, 0, 0);
      if (!body) return std::unexpected(body.error());
      handlers.drain(std::chrono::seconds(body->grace_seconds), body->successor == 1);
      return {};
    }
    default:
      return fault("unexpected message from the keeper");
  }
}

}  // namespace sluice::app
