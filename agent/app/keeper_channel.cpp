#include "app/keeper_channel.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>

namespace sluice::agent {

KeeperChannel::KeeperChannel(Loop& loop, Log& log, Fd channel, Events events)
    : loop_(loop), log_(log), channel_(std::move(channel)), events_(std::move(events)) {
  // The keeper always reads; should it hang, a send must not hold up capture for ever.
  const timeval limit{2, 0};
  ::setsockopt(channel_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  watch_ = loop_.watch_readable(channel_.get(), [this] { receive(); });
}

KeeperChannel::~KeeperChannel() {
  if (channel_) loop_.unwatch(watch_);
}

Outcome<> KeeperChannel::start_proxy(const message::ProxySettings& settings, int heartbeat_map,
                                     int proxy_executable) {
  const std::array fds = {heartbeat_map, proxy_executable};
  return message::send_body(channel_.get(), message::Type::proxy_settings, 0, settings,
                            std::span(fds).first(proxy_executable < 0 ? 1 : 2));
}

Outcome<> KeeperChannel::add_workload(WorkloadId workload, int netns) {
  const message::AddWorkload body{number(workload), netns < 0 ? 1U : 0U};
  const auto fds = netns < 0 ? std::span<const int>() : std::span<const int>(&netns, 1);
  return message::send_body(channel_.get(), message::Type::add_workload, number(workload), body, fds);
}

Outcome<> KeeperChannel::remove_workload(WorkloadId workload) {
  return message::send_body(channel_.get(), message::Type::remove_workload, 0,
                            message::RemoveWorkload{number(workload)});
}

Outcome<> KeeperChannel::shutdown() {
  return message::send(channel_.get(), message::Header{message::kMagic, message::Type::shutdown, 0}, {});
}

Outcome<> KeeperChannel::upgrade() {
  return message::send(channel_.get(), message::Header{message::kMagic, message::Type::upgrade, 0}, {});
}

void KeeperChannel::receive() {
  auto packet = message::receive(channel_.get());
  if (!packet) {
    log_.warn("channel to the keeper ended: {}", packet.error().message);
    loop_.unwatch(watch_);
    channel_.reset();
    return events_.end();
  }
  switch (packet->header.type) {
    case message::Type::workload_ready:
      return take_ready(*packet);
    case message::Type::peer_link:
      if (const auto link = message::body_of<message::PeerLink>(*packet, 1, 1))
        return events_.proxy_link(std::move(packet->fds[0]), link->proxy_pid);
      break;
    case message::Type::child_state:
      if (auto state = message::body_of<message::ChildState>(*packet, 0, 0))
        return events_.proxy_state(*state);
      break;
    default:
      break;
  }
  log_.warn("message of type {} from the keeper was not understood",
            static_cast<unsigned>(packet->header.type));
}

void KeeperChannel::take_ready(message::Packet& packet) {
  auto ready = message::body_of<message::WorkloadReady>(packet, 0, 2);
  if (!ready) return log_.warn("answer of the keeper was not understood: {}", ready.error().message);
  const WorkloadId workload{ready->workload};
  if (ready->error != 0)
    return events_.workload_ready(workload, fault_errno("the keeper cannot open listeners", ready->error));
  if (packet.fds.size() != 2) return events_.workload_ready(workload, fault("the keeper sent no listeners"));
  events_.workload_ready(workload, Listeners{std::move(packet.fds[0]), std::move(packet.fds[1])});
}

}  // namespace sluice::agent
