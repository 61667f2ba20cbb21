// The hops between applications and their node's proxy do not pace (bpf/include/local_hop.h); every other
// connection keeps the congestion control of its namespace.
#include "local_hop.h"
#include "bpf/capture/world.h"

namespace sluice::test {
namespace {

using namespace std::chrono_literals;

std::string congestion_control(const Fd& socket) {
  char name[16] = {};
  socklen_t size = sizeof name;
  EXPECT_EQ(0, ::getsockopt(socket.get(), IPPROTO_TCP, TCP_CONGESTION, name, &size));
  return name;
}

class LocalHop : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    if (!HasFatalFailure()) enrol();
  }
  // Of the proxy: to the application, from the client's true address.
  Fd app_in_socket() const {
    Fd fd = own_pod_socket();
    const int on = 1;
    const std::uint32_t mark = kMark;
    EXPECT_EQ(0, ::setsockopt(fd.get(), SOL_IP, IP_TRANSPARENT, &on, sizeof(on)));
    EXPECT_EQ(0, ::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, sizeof(mark)));
    sockaddr_storage storage{};
    const auto size = SocketAddr{ip("10.99.0.9"), 0}.to(storage, AF_INET);
    EXPECT_EQ(0, ::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size));
    return fd;
  }
  const std::string local_ = SLUICE_LOCAL_CONGESTION_CONTROL;
  const std::string usual_ = congestion_control(make_socket());
};

TEST_F(LocalHop, CapturedSocketDoesNotPace) {
  for (const int family : {AF_INET, AF_INET6}) {
    const Fd client = pod_socket(family);
    EXPECT_EQ(usual_, congestion_control(client));
    const Fd proxy =
        expect_captured(client.get(), {ip(family == AF_INET ? "10.88.0.1" : "fd88::1"), 80}, family);
    EXPECT_EQ(local_, congestion_control(client));
  }
}

TEST_F(LocalHop, CapturedSocketToAnOutboundOnLoopbackDoesNotPace) {
  const Fd client = pod_socket();
  const Fd proxy = expect_captured(client.get(), {ip("127.0.0.9"), 700}, AF_INET);
  EXPECT_EQ(local_, congestion_control(client));
}

TEST_F(LocalHop, ConnectionToTheApplicationDoesNotPaceEitherWay) {
  const Fd server = pod_listener(ip("10.77.0.2"), false);
  const Fd proxy = app_in_socket();
  ASSERT_EQ(0, connect_to(proxy.get(), local_of(server.get()), AF_INET));
  const Fd application = accept_within(server.get(), 3s);
  ASSERT_TRUE(application.valid());
  EXPECT_EQ(local_, congestion_control(proxy));
  EXPECT_EQ(local_, congestion_control(application));
}

TEST_F(LocalHop, ConnectionsThatLeaveTheNamespaceKeepTheirs) {
  const Fd server = listen_on(ip("10.88.0.1"));
  const Fd own = own_pod_socket();
  ASSERT_EQ(0, connect_to(own.get(), local_of(server.get()), AF_INET));
  EXPECT_EQ(usual_, congestion_control(own));
  set_workload([](sluice_workload& workload) { workload.passthrough = SLUICE_PASSTHROUGH_ALL; });
  const Fd outside = listen_on(ip("10.88.0.2"));
  const Fd direct = pod_socket();
  ASSERT_EQ(0, connect_to(direct.get(), local_of(outside.get()), AF_INET));
  EXPECT_EQ(usual_, congestion_control(direct));
}

}  // namespace
}  // namespace sluice::test
