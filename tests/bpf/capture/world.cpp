#include "bpf/capture/world.h"

#include <net/if.h>
#include <sys/mount.h>

#include <atomic>

#include "kernel/events.h"

namespace sluice::test {
namespace {

constexpr auto kCgroups = "/sys/fs/cgroup/unified";
std::atomic<int> next_world{0};

}  // namespace

int connect_to(int socket, const SocketAddr& to, int family) {
  sockaddr_storage storage{};
  const auto size = to.to(storage, family);
  return ::connect(socket, reinterpret_cast<sockaddr*>(&storage), size) == 0 ? 0 : errno;
}

Fd make_socket(int family, int type, int protocol) {
  Fd fd(::socket(family, type | SOCK_CLOEXEC, protocol));
  EXPECT_TRUE(fd.valid()) << std::strerror(errno);
  // A test that goes wrong must not hang for the kernel's two minutes.
  const timeval limit{5, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  return fd;
}

Fd listen_on(const IpAddr& addr, bool transparent, std::uint16_t port) {
  const int family = addr.is_v4() ? AF_INET : AF_INET6;
  Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (transparent) {
    EXPECT_EQ(0, ::setsockopt(fd.get(), SOL_IP, IP_TRANSPARENT, &on, sizeof(on)));
    if (family == AF_INET6) EXPECT_EQ(0, ::setsockopt(fd.get(), SOL_IPV6, IPV6_TRANSPARENT, &on, sizeof(on)));
  }
  sockaddr_storage storage{};
  const auto size = SocketAddr{addr, port}.to(storage, family);
  EXPECT_EQ(0, ::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size))
      << addr.text() << std::strerror(errno);
  EXPECT_EQ(0, ::listen(fd.get(), 64));
  return fd;
}

SocketAddr local_of(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  EXPECT_EQ(0, ::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size));
  return SocketAddr::from(storage);
}

SocketAddr peer_of(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  EXPECT_EQ(0, ::getpeername(socket, reinterpret_cast<sockaddr*>(&storage), &size));
  return SocketAddr::from(storage);
}

Fd accept_within(int listener, std::chrono::milliseconds deadline) {
  pollfd waiting{listener, POLLIN, 0};
  if (::poll(&waiting, 1, static_cast<int>(deadline.count())) != 1) return Fd();
  return Fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
}

bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    ::poll(nullptr, 0, 5);
  }
  return true;
}

std::uint64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

void World::SetUp() {
  ASSERT_EQ(0U, ::geteuid()) << "these tests need root";
  const std::string name =
      "sluice-bpftest-" + std::to_string(::getpid()) + "-" + std::to_string(next_world++);
  base_ = std::string(kCgroups) + "/" + name;
  pin_root_ = "/sys/fs/bpf/" + name;
  original_cgroup_ = Cgroup::current(kCgroups);
  root_ = std::make_unique<Cgroup>(base_);
  own_ = std::make_unique<Cgroup>(base_ + "/own");
  app_ = std::make_unique<Cgroup>(base_ + "/app");
  prober_ = std::make_unique<Cgroup>(base_ + "/prober");
  app_->enter();
  outer_ = Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  node_ = std::make_unique<Netns>();
  ASSERT_EQ(0, ::setns(node_->fd(), CLONE_NEWNET));
  pod_ = std::make_unique<Netns>();
  make_veth("vpod", *pod_);
  shell("ip addr add 10.77.0.1/24 dev vpod && ip -6 addr add fd77::1/64 dev vpod nodad");
  for (int i = 1; i <= 6; ++i)
    shell("ip addr add 10.88.0." + std::to_string(i) +
          "/32 dev lo && ip -6 addr add fd88::" + std::to_string(i) + "/128 dev lo");
  pod_->shell_in("ip addr add 10.77.0.2/24 dev eth0 && ip -6 addr add fd77::2/64 dev eth0 nodad");
  pod_->shell_in("ip route add default via 10.77.0.1 && ip -6 route add default via fd77::1");
  routing_ = {kMark, kMask, 777, 100, ip("10.77.0.2")};
  guard_ifindex_ = ::if_nametoindex("vpod");
  const auto cookie = kernel::namespace_cookie(pod_->fd());
  ASSERT_TRUE(cookie.has_value());
  cookie_ = *cookie;
}

void World::TearDown() {
  out_.reset();
  in_.reset();
  programs_.reset();
  if (const auto left = kernel::Programs::uninstall(pin_root_); left)
    EXPECT_THAT(*left, ::testing::IsEmpty());
  pod_.reset();
  if (outer_) EXPECT_EQ(0, ::setns(outer_.get(), CLONE_NEWNET));
  node_.reset();
  if (!original_cgroup_.empty()) Cgroup::join(original_cgroup_, ::getpid());
  prober_.reset();
  app_.reset();
  own_.reset();
  root_.reset();
}

kernel::ProgramsOptions World::options() const {
  kernel::ProgramsOptions options;
  options.pin_root = pin_root_;
  options.cgroup_root = base_;
  options.node = "node-a";
  options.instance = "test";
  options.mark = kMark;
  options.mark_mask = kMask;
  options.max_flows = 256;
  return options;
}

void World::enrol() {
  auto opened = kernel::Programs::open(options(), clock_);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  programs_ = std::move(*opened);
  const auto& maps = programs_->maps();
  beat(-3'600'000'000'000);
  sluice_workload workload{};
  workload.id = kWorkload;
  workload.mesh = kMesh;
  workload.netns_cookie = cookie_;
  workload.capture_inbound = 1;
  ASSERT_TRUE(maps.workloads.set(kWorkload, workload).has_value());
  for (const auto* address : {"10.88.0.1", "fd88::1"})
    ASSERT_TRUE(maps.destinations.set({kMesh, 0, 0, kernel::to_abi(ip(address))}, 1).has_value());
  ASSERT_TRUE(maps.outbounds.set({kWorkload, htons(700), 0, kernel::to_abi(ip("127.0.0.9"))}, 1).has_value());
  ASSERT_TRUE(maps.resolvers.set(kernel::to_abi(ip("10.88.0.5")), 1).has_value());
  const kernel::PrefixRule rules[] = {
      {Prefix::parse("10.88.0.3").value(), 8000, 9000, SLUICE_PROTO_TCP, SLUICE_PREFIX_EXCLUDE},
      {Prefix::parse("10.88.0.4/32").value(), 0, 65535, SLUICE_PROTO_TCP | SLUICE_PROTO_UDP,
       SLUICE_PREFIX_ALLOW}};
  for (const auto& [key, value] : kernel::compile_prefixes(kWorkload, rules).value())
    ASSERT_TRUE(maps.prefixes.set(key, value).has_value());
  const auto addresses = kernel::local_addresses(pod_->fd());
  ASSERT_TRUE(addresses.has_value());
  for (const auto& address : *addresses)
    ASSERT_TRUE(maps.local_addrs.set({cookie_, kernel::to_abi(address.ip)}, 1).has_value());
  ASSERT_TRUE(maps.cgroup_roles.set(kernel::cgroup_id(own_->fd()).value(), SLUICE_CGROUP_OWN).has_value());
  ASSERT_TRUE(
      maps.cgroup_roles.set(kernel::cgroup_id(prober_->fd()).value(), SLUICE_CGROUP_PROBER).has_value());
  ASSERT_TRUE(kernel::add_capture_routing(pod_->fd(), routing_).has_value());
  ASSERT_TRUE(kernel::set_capture_sysctls(pod_->fd()).has_value());
  out_ = pod_listener(ip("::"), true);
  in_ = pod_listener(ip("::"), true);
  ASSERT_TRUE(maps.listeners.insert(kWorkload, SLUICE_LISTENER_OUT, out_.get()).has_value());
  ASSERT_TRUE(maps.listeners.insert(kWorkload, SLUICE_LISTENER_IN, in_.get()).has_value());
  const auto attached = programs_->attach_namespace(pod_->fd(), kWorkload);
  ASSERT_TRUE(attached.has_value()) << attached.error().message;
  const auto guard = programs_->attach_guard(guard_ifindex_, kWorkload);
  ASSERT_TRUE(guard.has_value()) << guard.error().message;
  ASSERT_TRUE(maps.netns_workloads.set(cookie_, kWorkload).has_value());
}

void World::set_workload(std::function<void(sluice_workload&)> change) {
  auto workload = programs_->maps().workloads.get(kWorkload).value().value();
  change(workload);
  ASSERT_TRUE(programs_->maps().workloads.set(kWorkload, workload).has_value());
}

void World::beat(std::int64_t age_ns) {
  const auto at = static_cast<std::int64_t>(monotonic_ns()) - age_ns;
  // A machine that has run for less than the age asked for: 1 is as stale as it gets, 0 means "never".
  const sluice_heartbeat value{static_cast<__u64>(at > 0 ? at : 1)};
  ASSERT_TRUE(programs_->maps().heartbeat.set(0, value).has_value());
}

Fd World::pod_socket(int family, int type, int protocol) const {
  return pod_->in([&] { return make_socket(family, type, protocol); });
}

Fd World::own_pod_socket(int family) const {
  own_->enter();
  Fd fd = pod_socket(family);
  app_->enter();
  return fd;
}

Fd World::pod_listener(const IpAddr& addr, bool transparent, std::uint16_t port) const {
  return pod_->in([&] { return listen_on(addr, transparent, port); });
}

std::uint64_t World::count(Reason reason, std::uint32_t workload) const {
  const auto counts = programs_->maps().read_verdicts();
  EXPECT_TRUE(counts.has_value());
  const auto found = counts->find({workload, reason});
  return found == counts->end() ? 0 : found->second;
}

std::uint64_t World::events_of(Reason reason) {
  auto reader = kernel::EventReader::open(programs_->maps().events.fd(),
                                          [&](const sluice_event& event) { events_.push_back(event); });
  EXPECT_TRUE(reader.has_value());
  EXPECT_TRUE((*reader)->consume().has_value());
  return static_cast<std::uint64_t>(std::ranges::count_if(events_, [&](const sluice_event& event) {
    return event.reason == static_cast<std::uint32_t>(reason);
  }));
}

Fd World::expect_captured(int client, const SocketAddr& to, int family) {
  EXPECT_EQ(0, connect_to(client, to, family)) << to.text();
  Fd accepted = accept_within(out_.get(), std::chrono::seconds(3));
  EXPECT_TRUE(accepted.valid()) << to.text() << " did not reach the proxy";
  if (!accepted) return accepted;
  EXPECT_EQ(to.text(), local_of(accepted.get()).text());
  EXPECT_EQ(to.text(), peer_of(client).text());
  return accepted;
}

}  // namespace sluice::test
