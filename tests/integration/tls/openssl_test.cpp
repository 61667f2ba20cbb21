// The engine against the openssl program over real sockets: what a foreign implementation sees and gets.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "../../unit/tls/mesh_fixture.h"
#include "openssl_process.h"

namespace sluice::tls {
namespace {

// An engine and the socket it speaks over, driven by blocking calls with a deadline.
struct Connection {
  Fd socket;
  std::unique_ptr<Engine> engine;

  bool send_output() {
    const auto out = engine->take_output();
    return send(socket.get(), out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size());
  }
  // False at the end of the stream or when nothing came for 10 s.
  bool receive() {
    pollfd waiting{socket.get(), POLLIN, 0};
    if (poll(&waiting, 1, 10'000) <= 0) return false;
    std::byte buffer[16384];
    const auto size = recv(socket.get(), buffer, sizeof buffer, 0);
    if (size <= 0) {
      engine->feed_end();
      return false;
    }
    engine->feed(std::span(buffer, static_cast<std::size_t>(size)));
    return true;
  }
  Result<void> handshake() {
    for (;;) {
      const auto done = engine->step();
      send_output();
      if (!done) return std::unexpected(done.error());
      if (*done) return {};
      receive();
    }
  }
  // Plaintext until it holds `needle`, the peer closes or an error ends it.
  Result<std::string> read_until(const std::string& needle) {
    std::string out;
    std::byte buffer[16384];
    while (out.find(needle) == std::string::npos) {
      const auto got = engine->decrypt(buffer);
      if (!got) return std::unexpected(got.error());
      out.append(reinterpret_cast<const char*>(buffer), *got);
      if (*got == 0 && (engine->peer_closed() || !receive())) {
        if (engine->peer_closed()) return out;
      }
    }
    return out;
  }
  void write(const std::string& text) {
    ASSERT_TRUE(engine->encrypt(std::as_bytes(std::span(text))));
    ASSERT_TRUE(send_output());
  }
};

class Openssl : public testing::Test {
 protected:
  Openssl() {
    signal(SIGPIPE, SIG_IGN);
    environment.store = std::make_shared<SessionStore>();
    environment.clock = &clock;
    credentials = *Credentials::build(
        {.generation = 1,
         .meshes = {{"default", 1, {{"default", IdentityForm::kuma, ca.authority->bundle_pem()}}}},
         .workloads = {own(kClientWorkload, client_svid), own(kServerWorkload, server_svid)}},
        environment);
    listener = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(listen(listener.get(), 8), 0);
    getsockname(listener.get(), reinterpret_cast<sockaddr*>(&at), &size);
    port = ntohs(at.sin_port);
  }

  static WorkloadCredentialImage own(std::uint32_t workload, const identity::Svid& svid) {
    return {workload, "default", svid.chain_pem, svid.key_pem};
  }

  // Paths of a certificate, its key and our CA, for the program's command line.
  std::string file(const std::string& name, const std::string& text) {
    const auto path = directory.path() / name;
    std::ofstream(path) << text;
    return path;
  }
  std::vector<std::string> with_files(std::vector<std::string> arguments, const identity::Svid& svid) {
    for (auto& more :
         {std::string("-cert"), file("cert.pem", svid.chain_pem), std::string("-key"),
          file("key.pem", svid.key_pem), std::string("-CAfile"), file("ca.pem", ca.authority->bundle_pem())})
      arguments.push_back(more);
    return arguments;
  }
  std::vector<std::string> client_arguments(const std::string& alpn) {
    std::vector<std::string> out = {"s_client", "-connect", "127.0.0.1:" + std::to_string(port), "-ign_eof"};
    if (!alpn.empty()) out.insert(out.end(), {"-alpn", alpn});
    return out;
  }

  // Takes the program's connection and shakes hands as the server workload.
  Result<void> serve(Connection& connection) {
    pollfd waiting{listener.get(), POLLIN, 0};
    EXPECT_EQ(poll(&waiting, 1, 10'000), 1);
    connection.socket = Fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    connection.engine = *Engine::accept(*credentials, kServerWorkload);
    return connection.handshake();
  }

  // Starts s_server on a free port and shakes hands with it as the client workload.
  struct Dialled {
    std::unique_ptr<OpensslProcess> process;
    Connection connection;
    Result<void> outcome;
  };
  Dialled dial(std::vector<std::string> arguments, const identity::Svid& svid) {
    arguments.insert(arguments.begin(), {"s_server", "-accept", "127.0.0.1:0", "-rev", "-Verify", "1"});
    Dialled out;
    out.process = std::make_unique<OpensslProcess>(with_files(std::move(arguments), svid));
    const auto printed = out.process->read_until("ACCEPT 127.0.0.1:");
    const auto at = printed.find("ACCEPT 127.0.0.1:");
    EXPECT_NE(at, std::string::npos) << printed;
    if (at == std::string::npos) return out;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(printed.substr(at + 17))));
    out.connection.socket = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(connect(out.connection.socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    out.connection.engine =
        *Engine::connect(*credentials, kClientWorkload, {.expected = {kServerName}, .address = {}});
    out.outcome = out.connection.handshake();
    return out;
  }

  static void expect_reason(const Result<void>& result, Reason reason) {
    ASSERT_FALSE(result);
    EXPECT_EQ(reason_info(result.error().reason).word, reason_info(reason).word);
  }

  SetClock clock;
  TemporaryDirectory directory;
  TestAuthority ca{"default", clock};
  TestAuthority stranger{"default", clock};
  identity::Svid client_svid = ca.issue({kClientName});
  identity::Svid server_svid = ca.issue({kServerName});
  Credentials::Environment environment;
  std::shared_ptr<const Credentials> credentials;
  Fd listener;
  std::uint16_t port = 0;
};

TEST_F(Openssl, ClientWithOurCertificateTalks) {
  OpensslProcess process(with_files(client_arguments("sluice"), client_svid));
  Connection connection;
  const auto outcome = serve(connection);
  ASSERT_TRUE(outcome) << reason_info(outcome.error().reason).word;
  EXPECT_EQ(connection.engine->alpn(), Alpn::sluice);
  EXPECT_TRUE(connection.engine->peer()->has(kClientName));
  process.write("hello from openssl\n");
  EXPECT_EQ(*connection.read_until("\n"), "hello from openssl\n");
  connection.write("hello from sluice\n");
  const auto printed = process.read_until("hello from sluice");
  EXPECT_NE(printed.find("ALPN protocol: sluice"), std::string::npos) << printed;
  EXPECT_NE(printed.find("TLSv1.3"), std::string::npos);
  EXPECT_NE(printed.find("Verify return code: 0 (ok)"), std::string::npos);
  connection.engine->close_notify();
  connection.send_output();
  EXPECT_NE(process.read_until("closed"), "");
}

TEST_F(Openssl, ClientThatOffersBothGetsATunnel) {
  OpensslProcess process(with_files(client_arguments("h2,sluice,sluice-h2"), client_svid));
  Connection connection;
  ASSERT_TRUE(serve(connection));
  EXPECT_EQ(connection.engine->alpn(), Alpn::sluice_h2);
}

TEST_F(Openssl, ClientResumesByTheSessionItKept) {
  const std::string session = directory.path() / "session.pem";
  auto arguments = with_files(client_arguments("sluice"), client_svid);
  arguments.insert(arguments.end(), {"-sess_out", session});
  {
    OpensslProcess process(arguments);
    Connection connection;
    ASSERT_TRUE(serve(connection));
    EXPECT_FALSE(connection.engine->resumed());
    connection.write("first\n");
    EXPECT_NE(process.read_until("first\n"), "");
    connection.engine->close_notify();
    connection.send_output();
    EXPECT_NE(process.read_until("closed"), "");
  }
  arguments[arguments.size() - 2] = "-sess_in";
  OpensslProcess process(arguments);
  Connection connection;
  ASSERT_TRUE(serve(connection));
  EXPECT_TRUE(connection.engine->resumed());
  EXPECT_TRUE(connection.engine->peer()->has(kClientName));
}

TEST_F(Openssl, KeysMayBeUpdatedUnderWay) {
  auto arguments = with_files(client_arguments("sluice"), client_svid);
  std::erase(arguments, "-ign_eof");  // which also turns commands off
  OpensslProcess process(arguments);
  Connection connection;
  ASSERT_TRUE(serve(connection));
  process.write("K\n");  // new keys, and it asks for ours
  EXPECT_NE(process.read_until("KEYUPDATE").find("KEYUPDATE"), std::string::npos);
  process.write("after the update\n");
  EXPECT_EQ(*connection.read_until("\n"), "after the update\n");
  connection.write("with new keys\n");  // our answer to the update goes before it
  EXPECT_NE(process.read_until("with new keys"), "");
}

TEST_F(Openssl, StrangersAreTurnedAwayAndToldWhy) {
  OpensslProcess process(with_files(client_arguments("sluice"), stranger.issue({kClientName})));
  Connection connection;
  expect_reason(serve(connection), Reason::tls_untrusted);
  EXPECT_NE(process.read_until("alert unknown ca").find("alert unknown ca"), std::string::npos);
}

TEST_F(Openssl, ClientWithoutCertificateIsTurnedAway) {
  OpensslProcess process(client_arguments("sluice"));
  Connection connection;
  expect_reason(serve(connection), Reason::tls_no_certificate);
  EXPECT_NE(process.read_until("alert certificate required").find("alert certificate required"),
            std::string::npos);
}

TEST_F(Openssl, ClientWithoutOurProtocolIsTurnedAway) {
  OpensslProcess process(with_files(client_arguments("h2"), client_svid));
  Connection connection;
  expect_reason(serve(connection), Reason::tls_protocol_error);
  EXPECT_NE(process.read_until("alert no application protocol").find("no application protocol"),
            std::string::npos);
  OpensslProcess without(with_files(client_arguments(""), client_svid));
  Connection second;
  expect_reason(serve(second), Reason::tls_protocol_error);
}

TEST_F(Openssl, OlderTlsIsTurnedAway) {
  auto arguments = with_files(client_arguments("sluice"), client_svid);
  arguments.push_back("-tls1_2");
  OpensslProcess process(arguments);
  Connection connection;
  expect_reason(serve(connection), Reason::tls_protocol_error);
  EXPECT_NE(process.read_until("alert protocol version").find("alert protocol version"), std::string::npos);
}

TEST_F(Openssl, ServerWithOurCertificateTalks) {
  auto dialled = dial({"-tls1_3", "-alpn", "sluice"}, server_svid);
  ASSERT_TRUE(dialled.outcome) << reason_info(dialled.outcome.error().reason).word;
  EXPECT_EQ(dialled.connection.engine->alpn(), Alpn::sluice);
  dialled.connection.write("abc\n");
  EXPECT_EQ(*dialled.connection.read_until("\n"), "cba\n");
  EXPECT_EQ(environment.store->client.size(), 1u) << "its tickets were kept";
}

TEST_F(Openssl, ServersThatAreNotTheExpectedOneAreRefused) {
  expect_reason(dial({"-alpn", "sluice"}, stranger.issue({kServerName})).outcome, Reason::tls_untrusted);
  expect_reason(dial({"-alpn", "sluice"}, ca.issue({"spiffe://default/payments"})).outcome,
                Reason::tls_wrong_identity);
  expect_reason(dial({"-alpn", "sluice"}, ca.issue({"spiffe://other/backend"})).outcome,
                Reason::tls_untrusted);
}

TEST_F(Openssl, ServersWithoutOurProtocolAreRefused) {
  expect_reason(dial({}, server_svid).outcome, Reason::tls_protocol_error);
  expect_reason(dial({"-tls1_2", "-alpn", "sluice"}, server_svid).outcome, Reason::tls_handshake_failed);
}

}  // namespace
}  // namespace sluice::tls
