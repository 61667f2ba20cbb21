// Two real proxies, one per node: mesh TLS between them, STRICT and PERMISSIVE, permissions, live re-judging.
#include <poll.h>
#include <sys/socket.h>

#include "mesh.h"

namespace sluice::test {
namespace {

class MeshTlsTest : public testing::Test {
 protected:
  Mesh mesh{true};
  PuppetKeeper client_proxy{mesh.netns, SLUICE_PROXY, {"--workers", "1", "--access-log", "text"}};
  PuppetKeeper server_proxy{mesh.netns, SLUICE_PROXY, {"--workers", "1", "--access-log", "text"}};

  void SetUp() override {
    mesh.remote_server.port = server_proxy.add_listener(kLocalServer, message::ListenerSlot::in);
    mesh.out_port = client_proxy.add_listener(kWeb, message::ListenerSlot::out);
    publish();
    ASSERT_EQ("", client_proxy.send_credentials(mesh.credentials(kWeb, kWebName)));
    ASSERT_EQ("", server_proxy.send_credentials(mesh.credentials(kLocalServer, kRemoteName)));
  }
  void publish() {
    ASSERT_EQ("", client_proxy.send_table(mesh.client_node()));
    ASSERT_EQ("", server_proxy.send_table(mesh.server_node()));
  }
  Fd dial() { return connect_in(mesh.netns, mesh.remote_vip(), SocketAddr{mesh.web_ip, 0}); }
  // The server's record of a connection that did not come through a client's proxy.
  static Reason reason_of(const FlightRow& row) { return static_cast<Reason>(row.reason); }
  FlightRow last_at_server() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < until) {
      const auto rows = server_proxy.flight().finished();
      if (!rows.empty()) return rows.back();
      ::poll(nullptr, 0, 2);
    }
    ADD_FAILURE() << "the server's proxy has no finished record";
    return {};
  }
};

TEST_F(MeshTlsTest, CarriesBothWaysWithIdentityAndTrueSource) {
  const Fd server = listen_in(mesh.netns, mesh.remote_application);
  const std::string big(300'000, 'x');
  for (int i = 0; i < 2; ++i) {
    const Fd client = dial();
    ASSERT_TRUE(client.valid());
    const std::uint16_t port = port_of(client);
    write_text(client, "hello");
    const Fd accepted = accept_from(server);
    ASSERT_TRUE(accepted.valid());
    EXPECT_EQ("hello", read_text(accepted, 5));
    std::thread writer([&] {
      write_text(accepted, big);
      ::shutdown(accepted.get(), SHUT_WR);
    });
    EXPECT_EQ(big, read_text(client, big.size() + 1));
    writer.join();
    ::shutdown(client.get(), SHUT_WR);
    EXPECT_EQ("", read_text(accepted, 1));
    const FlightRow row = client_proxy.finished(port);
    EXPECT_EQ(Reason::completed, reason_of(row));
    EXPECT_EQ(kRemoteName, row.peer_identity);
    EXPECT_EQ(big.size(), row.bytes_to_client);
  }
  const FlightRow at_server = last_at_server();
  EXPECT_EQ(Reason::completed, reason_of(at_server));
  EXPECT_EQ(kWebName, at_server.peer_identity);
  EXPECT_STREQ("MeshTrafficPermission/allow-web (mesh.yaml:7)", at_server.rule);
  // Both went through one warm tunnel, after one handshake.
  EXPECT_EQ(Transport::tunnel, static_cast<Transport>(at_server.transport));
  EXPECT_EQ(1, client_proxy.flight().value(Metric::tunnels_opened));
  EXPECT_EQ(2, client_proxy.flight().value(Metric::tunnel_streams));
  EXPECT_EQ(1, client_proxy.flight().value(Metric::tls_handshakes_full));
}

TEST_F(MeshTlsTest, StrictRefusesPlaintextWithoutDialling) {
  const Fd server = listen_in(mesh.netns, mesh.remote_application);
  const Fd client = connect_in(mesh.netns, mesh.remote_server, SocketAddr{mesh.stranger_ip, 0});
  ASSERT_TRUE(client.valid());
  const std::uint16_t port = port_of(client);
  write_text(client, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ("<ECONNRESET>", read_text(client, 1));
  EXPECT_EQ(Reason::plaintext_refused, reason_of(server_proxy.finished(port)));
}

TEST_F(MeshTlsTest, PermissiveServesPlaintextAndServerFirst) {
  mesh.tls_mode = policy::TlsMode::permissive;
  publish();
  const Fd server = listen_in(mesh.netns, mesh.remote_application);
  const Fd client = connect_in(mesh.netns, mesh.remote_server, SocketAddr{mesh.stranger_ip, 0});
  ASSERT_TRUE(client.valid());
  const Fd accepted = accept_from(server);  // although the client is silent
  ASSERT_TRUE(accepted.valid());
  write_text(accepted, "220 ready");
  EXPECT_EQ("220 ready", read_text(client, 9));
  write_text(client, "EHLO");
  EXPECT_EQ("EHLO", read_text(accepted, 4));
}

TEST_F(MeshTlsTest, DeniedIdentityIsRefused) {
  mesh.allowed = {"spiffe://default/somebody-else"};
  publish();
  const Fd server = listen_in(mesh.netns, mesh.remote_application);
  const Fd client = dial();
  ASSERT_TRUE(client.valid());
  EXPECT_EQ("<ECONNRESET>", read_text(client, 1));
  EXPECT_EQ(Reason::permission_denied, reason_of(last_at_server()));
}

TEST_F(MeshTlsTest, ServerOfAnotherIdentityIsRefused) {
  ASSERT_EQ("", server_proxy.send_credentials(mesh.credentials(kLocalServer, "spiffe://default/impostor")));
  const Fd client = dial();
  ASSERT_TRUE(client.valid());
  const std::uint16_t port = port_of(client);
  EXPECT_EQ("<ECONNRESET>", read_text(client, 1));
  EXPECT_EQ(Reason::tls_wrong_identity, reason_of(client_proxy.finished(port)));
}

TEST_F(MeshTlsTest, PolicyChangeEndsOnlyWhatItDenies) {
  const Fd server = listen_in(mesh.netns, mesh.remote_application);
  const Fd client = dial();
  write_text(client, "x");
  const Fd accepted = accept_from(server);
  ASSERT_TRUE(accepted.valid());
  EXPECT_EQ("x", read_text(accepted, 1));
  // Another table that still allows it touches nothing.
  mesh.allowed.push_back("spiffe://default/more");
  publish();
  write_text(client, "y");
  EXPECT_EQ("y", read_text(accepted, 1));
  mesh.allowed = {"spiffe://default/more"};
  const auto start = std::chrono::steady_clock::now();
  publish();
  EXPECT_EQ("<ECONNRESET>", read_text(client, 1));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  EXPECT_EQ(Reason::permission_denied_live, reason_of(last_at_server()));
}

TEST_F(MeshTlsTest, RotationUnderTrafficBreaksNothing) {
  const Fd server = listen_in(mesh.netns, mesh.remote_application);
  const Fd client = dial();
  write_text(client, "before");
  const Fd accepted = accept_from(server);
  EXPECT_EQ("before", read_text(accepted, 6));
  ASSERT_EQ("", client_proxy.send_credentials(mesh.credentials(kWeb, kWebName)));
  ASSERT_EQ("", server_proxy.send_credentials(mesh.credentials(kLocalServer, kRemoteName)));
  write_text(client, "after");
  EXPECT_EQ("after", read_text(accepted, 5));
  const Fd another = dial();
  write_text(another, "new");
  EXPECT_EQ("new", read_text(accept_from(server), 3));
}

TEST_F(MeshTlsTest, IdleConnectionEndsInOrder) {
  mesh.idle_timeout = Millis(200);
  publish();
  const Fd server = listen_in(mesh.netns, mesh.remote_application);
  const Fd client = dial();
  write_text(client, "x");
  const Fd accepted = accept_from(server);
  EXPECT_EQ("x", read_text(accepted, 2));
  EXPECT_EQ("", read_text(client, 1));
  EXPECT_EQ(Reason::idle_timeout, reason_of(last_at_server()));
}

}  // namespace
}  // namespace sluice::test
