// The real binary between a client and servers that the test plays: plaintext, same node, refusals, drain.
#include <sys/socket.h>

#include "mesh.h"

namespace sluice::test {
namespace {

class PlainTest : public testing::Test {
 protected:
  Mesh mesh{false};
  PuppetKeeper proxy{
      mesh.netns, SLUICE_PROXY, {"--workers", "2", "--access-log", "json", "--drain-seconds", "1"}};

  void SetUp() override {
    mesh.out_port = proxy.add_listener(kWeb, message::ListenerSlot::out);
    mesh.in_port = proxy.add_listener(kLocalServer, message::ListenerSlot::in);
    ASSERT_EQ("", proxy.send_table(mesh.client_node()));
    ASSERT_EQ("", proxy.send_credentials(mesh.credentials(kWeb, kWebName)));
  }
  Reason reason_of(const FlightRow& row) { return static_cast<Reason>(row.reason); }
};

TEST_F(PlainTest, RelaysToAnotherNodeBothWaysWithHalfClose) {
  const Fd server = listen_in(mesh.netns, mesh.remote_server);
  const Fd client = connect_in(mesh.netns, mesh.remote_vip());
  ASSERT_TRUE(client.valid());
  const std::uint16_t port = port_of(client);
  write_text(client, "hello");
  const Fd accepted = accept_from(server);
  ASSERT_TRUE(accepted.valid());
  EXPECT_EQ("hello", read_text(accepted, 5));
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_EQ("", read_text(accepted, 1));
  write_text(accepted, "late answer");
  ::shutdown(accepted.get(), SHUT_WR);
  EXPECT_EQ("late answer", read_text(client, 100));
  const FlightRow row = proxy.finished(port);
  EXPECT_EQ(Reason::completed, reason_of(row));
  EXPECT_EQ(5U, row.bytes_from_client);
  EXPECT_EQ(11U, row.bytes_to_client);
  EXPECT_STREQ("remote", row.service);
  EXPECT_EQ(Transport::plaintext, static_cast<Transport>(row.transport));
}

TEST_F(PlainTest, ShortCutsToALocalWorkloadWithTheClientsAddress) {
  const Fd server = listen_in(mesh.netns, mesh.local_application);
  const Fd client = connect_in(mesh.netns, mesh.local_vip(), SocketAddr{mesh.web_ip, 0});
  ASSERT_TRUE(client.valid());
  const std::uint16_t port = port_of(client);
  Fd accepted = accept_from(server);
  ASSERT_TRUE(accepted.valid());
  EXPECT_EQ(mesh.web_ip, peer_of(accepted).ip);
  write_text(accepted, "server first");
  EXPECT_EQ("server first", read_text(client, 12));
  // A reset travels.
  const linger at_once{1, 0};
  ::setsockopt(accepted.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  accepted.reset();
  EXPECT_EQ("<ECONNRESET>", read_text(client, 1));
  const FlightRow row = proxy.finished(port);
  EXPECT_EQ(Reason::upstream_reset, reason_of(row));
  EXPECT_EQ(Transport::same_node, static_cast<Transport>(row.transport));
}

TEST_F(PlainTest, InboundReachesTheApplicationAsTheClient) {
  const Fd server = listen_in(mesh.netns, mesh.local_application);
  const Fd client = connect_in(mesh.netns, mesh.local_inbound(), SocketAddr{mesh.stranger_ip, 0});
  ASSERT_TRUE(client.valid());
  write_text(client, "plain");
  const Fd accepted = accept_from(server);
  ASSERT_TRUE(accepted.valid());
  EXPECT_EQ(mesh.stranger_ip, peer_of(accepted).ip);
  EXPECT_EQ("plain", read_text(accepted, 5));
}

TEST_F(PlainTest, RefusedUpstreamResetsTheClientAtOnce) {
  const Fd client = connect_in(mesh.netns, mesh.remote_vip());
  ASSERT_TRUE(client.valid());
  const std::uint16_t port = port_of(client);
  EXPECT_EQ("<ECONNRESET>", read_text(client, 1));
  const FlightRow row = proxy.finished(port);
  EXPECT_EQ(Reason::upstream_refused, reason_of(row));
  EXPECT_EQ(ECONNREFUSED, row.sys_errno);
}

TEST_F(PlainTest, UnknownDestinationIsRefusedWithItsReason) {
  const Fd client = connect_in(mesh.netns, SocketAddr{mesh.nowhere_ip, mesh.out_port});
  ASSERT_TRUE(client.valid());
  const std::uint16_t port = port_of(client);
  EXPECT_EQ("<ECONNRESET>", read_text(client, 1));
  EXPECT_EQ(Reason::unknown_destination, reason_of(proxy.finished(port)));
}

TEST_F(PlainTest, DiallingTheListenerItselfIsRefused) {
  const Fd client = connect_in(mesh.netns, *SocketAddr::parse("127.0.0.1:" + std::to_string(mesh.out_port)));
  ASSERT_TRUE(client.valid());
  const std::uint16_t port = port_of(client);
  EXPECT_EQ("<ECONNRESET>", read_text(client, 1));
  EXPECT_EQ(Reason::direct_to_listener, reason_of(proxy.finished(port)));
}

TEST_F(PlainTest, GarbageSectionIsRefusedAndTheLastGoodStays) {
  const std::vector<std::byte> garbage(100, std::byte{0x5a});
  EXPECT_NE("", proxy.send_section(message::SectionKind::table, garbage));
  EXPECT_NE("", proxy.send_section(message::SectionKind::credentials, garbage));
  const Fd server = listen_in(mesh.netns, mesh.remote_server);
  const Fd client = connect_in(mesh.netns, mesh.remote_vip());
  write_text(client, "still here");
  EXPECT_EQ("still here", read_text(accept_from(server), 10));
}

TEST_F(PlainTest, ASplitSendsConnectionsToItsServices) {
  auto image = mesh.client_node();
  policy::OutboundImage outbound;
  outbound.split = {{1, 1}};
  image.outbounds.push_back(outbound);
  ASSERT_EQ("", proxy.send_table(image));
  const Fd server = listen_in(mesh.netns, mesh.local_application);
  const Fd client = connect_in(mesh.netns, mesh.remote_vip(), SocketAddr{mesh.web_ip, 0});
  ASSERT_TRUE(client.valid());
  const std::uint16_t port = port_of(client);
  write_text(client, "x");
  Fd accepted = accept_from(server);
  ASSERT_TRUE(accepted.valid());
  EXPECT_EQ("x", read_text(accepted, 1));
  ::shutdown(client.get(), SHUT_WR);
  accepted.reset();
  EXPECT_STREQ("local", proxy.finished(port).service);
}

TEST_F(PlainTest, TheUnresolvedShareOfASplitIsRefused) {
  auto image = mesh.client_node();
  policy::OutboundImage outbound;
  outbound.split = {{policy::kNone, 1}};
  image.outbounds.push_back(outbound);
  ASSERT_EQ("", proxy.send_table(image));
  const Fd client = connect_in(mesh.netns, mesh.remote_vip());
  ASSERT_TRUE(client.valid());
  const std::uint16_t port = port_of(client);
  EXPECT_EQ("<ECONNRESET>", read_text(client, 1));
  EXPECT_EQ(Reason::no_endpoints, reason_of(proxy.finished(port)));
}

TEST_F(PlainTest, RemovedWorkloadsConnectionsEnd) {
  const Fd server = listen_in(mesh.netns, mesh.remote_server);
  const Fd client = connect_in(mesh.netns, mesh.remote_vip());
  const std::uint16_t port = port_of(client);
  write_text(client, "x");
  const Fd accepted = accept_from(server);
  EXPECT_EQ("x", read_text(accepted, 1));
  proxy.remove_workload(kWeb);
  EXPECT_EQ("<ECONNRESET>", read_text(client, 1));
  EXPECT_EQ(Reason::workload_gone, reason_of(proxy.finished(port)));
}

TEST_F(PlainTest, DrainLetsAConnectionFinishWithinGraceAndExitsInOrder) {
  const Fd server = listen_in(mesh.netns, mesh.remote_server);
  const Fd client = connect_in(mesh.netns, mesh.remote_vip());
  const std::uint16_t port = port_of(client);
  write_text(client, "x");
  const Fd accepted = accept_from(server);
  EXPECT_EQ("x", read_text(accepted, 1));
  EXPECT_EQ(0, proxy.stop());
  EXPECT_EQ(Reason::drained, reason_of(proxy.finished(port)));
  EXPECT_EQ("<ECONNRESET>", read_text(client, 1));
}

}  // namespace
}  // namespace sluice::test
