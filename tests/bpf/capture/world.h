// One enrolled workload in a namespace ("pod") behind a veth of a node namespace, with the real programs
// attached to a cgroup of this test's own. Servers live on the node's addresses:
//   10.88.0.1, fd88::1  address of the mesh (captured)     10.88.0.2, fd88::2  outside the mesh
//   10.88.0.3           excluded, port 8000-9000           10.88.0.4           allowed prefix
//   10.88.0.5           resolver                           127.0.0.9:700       declared outbound on loopback
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/fd.h"
#include "kernel/netns_setup.h"
#include "kernel/prefixes.h"
#include "kernel/programs.h"
#include "support/netns.h"

namespace sluice::test {

inline constexpr std::uint32_t kWorkload = 7;
inline constexpr std::uint32_t kMesh = 3;
inline constexpr std::uint32_t kMark = 0x100;
inline constexpr std::uint32_t kMask = 0xf00;

inline IpAddr ip(const std::string& text) {
  return IpAddr::parse(text).value();
}

// errno of connect(); 0 when connected.
int connect_to(int socket, const SocketAddr& to, int family);
Fd make_socket(int family = AF_INET, int type = SOCK_STREAM, int protocol = 0);
// Listens in the calling thread's namespace on a port of the kernel's choice (or `port`).
Fd listen_on(const IpAddr& addr, bool transparent = false, std::uint16_t port = 0);
SocketAddr local_of(int socket);
SocketAddr peer_of(int socket);
// Waits up to `deadline` for a connection; invalid when none came.
Fd accept_within(int listener, std::chrono::milliseconds deadline);
bool wait_until(const std::function<bool()>& condition,
                std::chrono::milliseconds deadline = std::chrono::seconds(5));
std::uint64_t monotonic_ns();

class World : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  kernel::ProgramsOptions options() const;
  void enrol();  // fills maps, routing, listeners; attaches everything
  void set_workload(std::function<void(sluice_workload&)> change);
  void beat(std::int64_t age_ns);  // negative: in the future, i.e. alive for long
  Fd pod_socket(int family = AF_INET, int type = SOCK_STREAM, int protocol = 0) const;
  Fd own_pod_socket(int family = AF_INET) const;  // its cgroup is Sluice's
  Fd pod_listener(const IpAddr& addr, bool transparent, std::uint16_t port = 0) const;
  std::uint64_t count(Reason reason, std::uint32_t workload = kWorkload) const;
  std::uint64_t events_of(Reason reason);  // drains the ring first
  // Connects from the pod; expects the OUT listener to see `to` as its own address. Returns the proxy's end.
  Fd expect_captured(int client, const SocketAddr& to, int family);

  std::string base_;
  std::string original_cgroup_;
  std::string pin_root_;
  Fd outer_;
  std::unique_ptr<Netns> node_;
  std::unique_ptr<Netns> pod_;
  std::unique_ptr<Cgroup> root_, own_, app_, prober_;
  SystemClock clock_;
  std::unique_ptr<kernel::Programs> programs_;
  std::uint64_t cookie_ = 0;
  std::uint32_t guard_ifindex_ = 0;
  Fd out_, in_;
  std::vector<sluice_event> events_;
  kernel::CaptureRouting routing_;
};

}  // namespace sluice::test
