// What the children's messages make the keeper do. The agent is trusted with what workloads exist; the proxy
// may only ask for sockets in namespaces that the agent named.
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "keeper/descriptor_store.h"
#include "keeper/supervisor.h"

namespace sluice::keeper {
namespace {

using message::Type;

constexpr int kPacketsPerTurn = 64;  // then the other child gets its turn
constexpr Nanos kClaimPatience = Millis(30000);

bool readable(const Channel& channel) {
  pollfd entry{channel.fd(), POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

std::string path_of(const Fd& fd) {
  char path[PATH_MAX];
  const auto link = fmt::format("/proc/self/fd/{}", fd.get());
  const ssize_t size = ::readlink(link.c_str(), path, sizeof path);
  return size > 0 ? std::string(path, static_cast<std::size_t>(size)) : std::string();
}

bool same(const message::ProxySettings& a, const message::ProxySettings& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace

void Supervisor::drain_channel(Child& child) {
  for (int i = 0; i < kPacketsPerTurn && child.channel && readable(*child.channel); ++i) {
    if (&child != &state_.agent && proxy_paused_until_) return;
    auto packet = child.channel->receive();
    if (!packet) return break_channel(child, packet.error());
    const auto done =
        &child == &state_.agent ? on_agent_packet(std::move(*packet)) : on_proxy_packet(child, *packet);
    if (!done) return break_channel(child, done.error());
  }
}

Outcome<> Supervisor::on_agent_packet(message::Packet packet) {
  switch (packet.header.type) {
    case Type::proxy_settings:
      return on_settings(std::move(packet));
    case Type::add_workload:
      return on_add_workload(std::move(packet));
    case Type::remove_workload:
      return on_remove_workload(packet);
    case Type::shutdown:
      begin_stop(0);
      return {};
    case Type::upgrade:
      begin_upgrade();
      return {};
    default:
      return fault("unexpected message from the agent");
  }
}

Outcome<> Supervisor::on_proxy_packet(Child& proxy, const message::Packet& packet) {
  if (packet.header.type == Type::serving) {
    const bool awaited =
        &proxy == &state_.successor || (&proxy == &state_.proxy && !state_.successor.running());
    if (awaited && state_.upgrade.step == message::UpgradeStep::proxy) take_over();
    return {};
  }
  if (packet.header.type != Type::make_sockets) return fault("unexpected message from the proxy");
  const auto wanted = message::body_of<message::MakeSockets>(packet, 0, 0);
  if (!wanted) return std::unexpected(wanted.error());
  on_make_sockets(proxy, packet, *wanted);
  return {};
}

Outcome<> Supervisor::on_settings(message::Packet packet) {
  const auto settings = message::body_of<message::ProxySettings>(packet, 1, 2);
  if (!settings) return std::unexpected(settings.error());
  if (const auto checked = check_settings(*settings); !checked) {
    log_.error("proxy settings: {}", checked.error().message);
    begin_stop(1);
    return {};
  }
  if (state_.proxy.running() && state_.settings && !same(*settings, *state_.settings))
    log_.info("the proxy's new settings are in force from its next start on");
  state_.settings = *settings;
  state_.heartbeat_map = std::move(packet.fds[0]);
  if (packet.fds.size() == 2) {
    executables_.proxy = std::move(packet.fds[1]);
    state_.proxy_path = path_of(executables_.proxy);
  }
  agent_was_ready_ = true;
  unclaimed_until_ = clock_.now() + kClaimPatience;
  for (Child* proxy : {&state_.proxy, &state_.successor}) send_heartbeat_map(*proxy);
  if (!state_.proxy.running() && !state_.proxy.start_at) state_.proxy.start_at = clock_.now();
  if (state_.upgrade.step == message::UpgradeStep::agent && !state_.agent.leaves) start_successor();
  return {};
}

Outcome<> Supervisor::on_add_workload(message::Packet packet) {
  const auto wanted = message::body_of<message::AddWorkload>(packet, 0, 1);
  if (!wanted) return std::unexpected(wanted.error());
  const bool own_namespace = wanted->host_namespace == 1;
  if (own_namespace == (packet.fds.size() == 1))
    return fault("add_workload needs a namespace or the own one");
  message::WorkloadReady ready{wanted->workload, 0};
  const auto added = state_.workloads.add(wanted->workload, own_namespace ? Fd() : std::move(packet.fds[0]));
  if (!added) {
    ready.error = added.error();
    log_.warn("workload {}: no listeners: {}", wanted->workload, std::strerror(added.error()));
    must(state_.agent, state_.agent.channel->send_body(Type::workload_ready, packet.header.request, ready));
    return {};
  }
  const HeldWorkload& held = *state_.workloads.find(wanted->workload);
  if (*added == WorkloadBook::Added::replaced) {
    unstore_workload(wanted->workload);
    tell_listeners_gone(wanted->workload);
  }
  if (*added != WorkloadBook::Added::known) {
    store_workload(wanted->workload, held);
    for (Child* proxy : {&state_.proxy, &state_.successor}) tell_listeners(*proxy, wanted->workload, held);
  }
  const int listeners[] = {held.out.get(), held.in.get()};
  must(state_.agent,
       state_.agent.channel->send_body(Type::workload_ready, packet.header.request, ready, listeners));
  return {};
}

Outcome<> Supervisor::on_remove_workload(const message::Packet& packet) {
  const auto wanted = message::body_of<message::RemoveWorkload>(packet, 0, 0);
  if (!wanted) return std::unexpected(wanted.error());
  if (state_.workloads.remove(wanted->workload)) forget_workload(wanted->workload);
  return {};
}

void Supervisor::on_make_sockets(Child& proxy, const message::Packet& packet,
                                 const message::MakeSockets& wanted) {
  proxy_paused_until_ = budget_.take(std::min<std::uint32_t>(wanted.count, message::kMaxFds), clock_.now());
  const auto made = state_.workloads.make_sockets(wanted, state_.settings ? state_.settings->socket_mark : 0);
  message::Sockets answer{wanted.workload, wanted.kind, made ? 0 : made.error(), wanted.ipv6};
  std::vector<int> fds;
  if (made)
    for (const auto& fd : *made) fds.push_back(fd.get());
  must(proxy, proxy.channel->send_body(Type::sockets, packet.header.request, answer, fds));
}

// A leaving proxy too ends what it still carries for the workload.
void Supervisor::tell_listeners_gone(std::uint32_t workload) {
  for (Child* proxy : proxies_of(state_))
    if (proxy->channel)
      must(*proxy, proxy->channel->send_body(Type::listener_gone, 0, message::ListenerGone{workload}));
}

void Supervisor::forget_workload(std::uint32_t workload) {
  unstore_workload(workload);
  tell_listeners_gone(workload);
}

void Supervisor::tell_listeners(Child& proxy, std::uint32_t workload, const HeldWorkload& held) {
  const auto tell = [&](message::ListenerSlot slot, const Fd& listener) {
    const int fds[] = {listener.get()};
    if (proxy.channel)
      must(proxy, proxy.channel->send_body(Type::listener, 0, message::Listener{workload, slot}, fds));
  };
  tell(message::ListenerSlot::out, held.out);
  tell(message::ListenerSlot::in, held.in);
}

void Supervisor::send_heartbeat_map(Child& proxy) {
  if (!state_.heartbeat_map || !proxy.channel) return;
  const int fds[] = {state_.heartbeat_map.get()};
  must(proxy, proxy.channel->send(Type::heartbeat_map, 0, {}, fds));
}

void Supervisor::replay_to_proxy(Child& proxy) {
  send_heartbeat_map(proxy);
  for (const auto& [workload, held] : state_.workloads.all()) tell_listeners(proxy, workload, held);
}

void Supervisor::link_agent_with(Child& proxy) {
  if (!state_.agent.channel || !proxy.channel) return;
  const auto ends = Channel::make_pair();
  if (!ends) return log_.error("no link between agent and proxy: {}", ends.error().message);
  const message::PeerLink link{++state_.link_generation, proxy.pid};
  std::size_t end = 0;
  for (Child* child : {&state_.agent, &proxy}) {
    const int fds[] = {(*ends)[end++].get()};
    if (child->channel) must(*child, child->channel->send_body(Type::peer_link, 0, link, fds));
  }
}

void Supervisor::tell_agent_proxy_state(int wait_status) {
  if (!state_.agent.channel) return;
  message::ChildState body{.running = state_.proxy.running() ? 1U : 0U,
                           .pid = state_.proxy.pid,
                           .wait_status = wait_status,
                           .restarts = state_.proxy.restarts,
                           .lane = state_.proxy.lane,
                           .successor_pid = state_.successor.running() ? state_.successor.pid : 0,
                           .step = state_.upgrade.step,
                           .upgrades = state_.upgrade.ended,
                           .upgrade_ms = state_.upgrade.took_ms};
  for (const auto& [child, limit] : state_.leaving) {
    if (!child.running()) continue;
    body.leaving[body.leaving_count++] = {child.pid, child.lane,
                                          static_cast<std::uint64_t>(limit.time_since_epoch().count())};
  }
  const auto& problem = state_.upgrade.problem;
  problem.copy(body.upgrade_problem.data(), body.upgrade_problem.size() - 1);
  must(state_.agent, state_.agent.channel->send_body(Type::child_state, 0, body));
}

}  // namespace sluice::keeper
