// The messages between keeper, agent and proxy. Transport: SOCK_SEQPACKET pairs, one message a packet,
// descriptors by SCM_RIGHTS. Every packet is a Header and a fixed-size body; large things travel as sealed
// memfds. A receiver drops the connection on anything that does not fit (wrong size, wrong descriptor count,
// unknown type).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace sluice::message {

inline constexpr std::uint32_t kMagic = 0x534c4332;  // "SLC2"; changes with any layout below
inline constexpr std::size_t kMaxBytes = 2048;
inline constexpr std::size_t kMaxFds = 64;

enum class Type : std::uint32_t {
  // agent -> keeper
  proxy_settings =
      1,         // ProxySettings: start the proxy, or its next start; [heartbeat map fd, perhaps executable]
  add_workload,  // AddWorkload; [netns fd]: open listeners; answered by workload_ready
  remove_workload,  // RemoveWorkload: close listeners and namespace, tell the proxy
  shutdown,         // Shutdown: end the proxy and the keeper in order
  upgrade,          // no body: take over the installed binaries, keeper, agent and proxy in turn
  // keeper -> agent
  workload_ready = 32,  // WorkloadReady; [OUT listener, IN listener] or an errno
  // keeper -> agent and proxy
  peer_link = 33,    // PeerLink; [link fd]: the other side is (re)started, talk here
  child_state = 34,  // ChildState: to the agent, when a proxy starts or ends, or an upgrade moves on
  // keeper -> proxy
  listener = 64,       // Listener; [fd]: accept here
  listener_gone = 65,  // ListenerGone
  heartbeat_map = 66,  // no body; [map fd] to mmap
  drain = 67,          // Drain: stop accepting, end within the grace time (a second one may shorten it)
  // proxy -> keeper
  make_sockets = 96,  // MakeSockets; answered by sockets
  sockets = 97,       // Sockets; [count fds] or an errno
  serving = 98,       // no body: a whole snapshot is in force on every worker; once
  // link, agent -> proxy
  section = 128,    // Section; [sealed memfd]
  log_level = 129,  // LogLevelChange
  // link, proxy -> agent
  section_verdict = 160,  // SectionVerdict
  proxy_ready = 161,      // no body: listeners are armed, workers run
  health_event = 162,     // HealthEvent (health_event.h)
};

enum class SocketKind : std::uint32_t { mesh_out, app_in };
enum class ListenerSlot : std::uint32_t { out = 0, in = 1 };  // SLUICE_LISTENER_* of abi.h
enum class SectionKind : std::uint32_t { table, credentials, settings };

struct Header {
  std::uint32_t magic = kMagic;
  Type type{};
  std::uint64_t request = 0;  // copied into the answer
};

struct ProxySettings {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t workers = 1;            // threads, each with a ring
  std::uint32_t connections_max = 0;    // per proxy
  std::uint32_t socket_mark = 0;        // SO_MARK of app_in sockets
  std::uint32_t access_log_format = 0;  // 0 text, 1 JSON, 2 off
  std::uint32_t log_level = 1;
  std::uint32_t drain_seconds = 30;
  std::uint32_t upgrade_drain_seconds = 600;  // of a proxy that another one has taken over from
};
struct AddWorkload {
  std::uint32_t workload = 0;
  std::uint32_t host_namespace = 0;  // 1: the keeper's own namespace, no descriptor passed
};
struct RemoveWorkload {
  std::uint32_t workload = 0;
};
struct WorkloadReady {
  std::uint32_t workload = 0;
  std::int32_t error = 0;  // errno, 0 = listeners attached
};
struct PeerLink {
  std::uint32_t generation = 0;  // counts (re)starts
  std::int32_t proxy_pid = 0;    // which proxy the link belongs to
};
// A proxy that another one has taken over from.
struct LeavingProxy {
  std::int32_t pid = 0;
  std::uint32_t lane = 0;           // of the flight memory
  std::uint64_t limit_mono_ns = 0;  // when what is still open is ended
};
inline constexpr std::size_t kLeavingMax = 2;  // with the one that serves and its successor: kFlightLanes
enum class UpgradeStep : std::uint32_t { none, agent, proxy };
struct ChildState {
  std::uint32_t running = 0;
  std::int32_t pid = 0;
  std::int32_t wait_status = 0;  // as waitpid gives it, when it ended
  std::uint32_t restarts = 0;
  std::uint32_t lane = 0;
  std::int32_t successor_pid = 0;  // of the proxy that is about to take over; 0: none
  UpgradeStep step{};              // what the upgrade in progress waits for
  std::uint32_t upgrades = 0;      // that came to an end, good or bad
  std::uint32_t upgrade_ms = 0;    // what the last one took
  std::uint32_t leaving_count = 0;
  std::array<LeavingProxy, kLeavingMax> leaving{};
  std::array<char, 128> upgrade_problem{};  // zero-terminated; empty: the last one succeeded
};
struct Listener {
  std::uint32_t workload = 0;
  ListenerSlot slot{};
};
struct ListenerGone {
  std::uint32_t workload = 0;
};
struct Drain {
  std::uint32_t grace_seconds = 0;
  std::uint32_t successor = 0;  // 1: another proxy accepts, idle connections may stay
};
struct MakeSockets {
  std::uint32_t workload = 0;
  SocketKind kind{};
  std::uint32_t ipv6 = 1;   // 0: AF_INET; 1: AF_INET6 that also carries v4-mapped addresses
  std::uint32_t count = 0;  // 1..kMaxFds
};
struct Sockets {
  std::uint32_t workload = 0;
  SocketKind kind{};
  std::int32_t error = 0;  // errno when no descriptor is attached
  std::uint32_t ipv6 = 1;
};
struct Section {
  SectionKind kind{};
  std::uint32_t pad = 0;
  std::uint64_t version = 0;  // rises; the proxy keeps the newest it accepted
  std::uint64_t size = 0;     // bytes in the memfd
};
struct SectionVerdict {
  SectionKind kind{};
  std::uint32_t accepted = 0;
  std::uint64_t version = 0;
  std::array<char, 256> reason{};  // zero-terminated; empty when accepted
};
struct LogLevelChange {
  std::uint32_t level = 1;  // sluice::LogLevel
};

struct Packet {
  Header header;
  std::vector<std::byte> body;
  std::vector<Fd> fds;
};

// Sends one packet; would-block is an error of EAGAIN. `fds` stay the caller's.
Outcome<> send(int socket, const Header& header, std::span<const std::byte> body,
               std::span<const int> fds = {});

// Receives one packet without blocking more than the descriptor's own mode does. End of stream, a short or
// oversized packet, a wrong magic or truncated descriptors are errors; received descriptors are
// close-on-exec.
Outcome<Packet> receive(int socket);

template <typename Body>
  requires std::is_trivially_copyable_v<Body>
Outcome<> send_body(int socket, Type type, std::uint64_t request, const Body& body,
                    std::span<const int> fds = {}) {
  return send(socket, Header{kMagic, type, request}, std::as_bytes(std::span(&body, 1)), fds);
}

// The body as `Body` when its size is exactly right and `fd_count` descriptors came along.
template <typename Body>
  requires std::is_trivially_copyable_v<Body>
Outcome<Body> body_of(const Packet& packet, std::size_t fd_count_min = 0,
                      std::size_t fd_count_max = kMaxFds) {
  if (packet.body.size() != sizeof(Body)) return fault("message body has the wrong size");
  if (packet.fds.size() < fd_count_min || packet.fds.size() > fd_count_max)
    return fault("message has the wrong number of descriptors");
  Body body;
  __builtin_memcpy(&body, packet.body.data(), sizeof body);
  return body;
}

// A sealed memfd with these bytes (no write, no resize), and the checked reading of one: refuses what is not
// sealed or is larger than `max_bytes`.
Outcome<Fd> sealed_memfd(const char* name, std::span<const std::byte> bytes);
Outcome<std::vector<std::byte>> read_sealed(int memfd, std::size_t size, std::size_t max_bytes);

}  // namespace sluice::message
