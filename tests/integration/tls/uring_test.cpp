// TlsStream over real sockets and io_uring, with the handshakes on threads beside the ring: a crowd of
// connections at once, each with its own echo, and strangers among them that disturb nobody.
#include "../../unit/tls/mesh_fixture.h"
#include "io/scope.h"
#include "io/uring_backend.h"
#include "tls/handshakes.h"

namespace sluice::tls {
namespace {

constexpr int kConnections = 64;
constexpr std::size_t kBytes = 200'000;

struct Node {
  io::Ring& ring;
  Handshakes& handshakes;
  std::shared_ptr<const Credentials> credentials;
  std::shared_ptr<const Credentials> strangers;
  int echoed = 0;
  int refused = 0;
};

io::Task<void> echo(Node* node, io::Socket socket) {
  auto made = co_await node->handshakes.accept(std::make_unique<io::SocketStream>(std::move(socket)),
                                               node->credentials, kServerWorkload, {});
  if (!made) {
    if (made.error().reason == Reason::tls_untrusted) ++node->refused;
    co_return;
  }
  TlsStream& stream = **made;
  for (;;) {
    auto chunk = co_await stream.read();
    if (!chunk) co_return;
    if (chunk->empty()) break;
    auto written = co_await stream.write(std::move(*chunk));
    if (!written) co_return;
  }
  (void)co_await stream.finish();
}

io::Task<void> serve(Node* node, io::Listener* listener) {
  io::Scope scope;
  for (int i = 0; i < kConnections; ++i) {
    auto socket = co_await listener->accept();
    if (!socket) break;
    scope.spawn(echo(node, std::move(*socket)));
  }
  co_await scope.join();
}

io::Task<void> send_and_finish(TlsStream* stream, std::string text) {
  auto sent = co_await stream->write(std::as_bytes(std::span(text)));
  if (sent) (void)co_await stream->finish();
}

io::Task<void> call(Node* node, SocketAddr to, bool stranger) {
  auto socket = node->ring.open_socket(to);
  EXPECT_TRUE(socket);
  auto connected = co_await socket->connect(to);
  EXPECT_TRUE(connected);
  auto made = co_await node->handshakes.connect(std::make_unique<io::SocketStream>(std::move(*socket)),
                                                stranger ? node->strangers : node->credentials,
                                                kClientWorkload, {.expected = {kServerName}, .address = to});
  if (stranger) co_return;
  EXPECT_TRUE(made) << reason_info(made.error().reason).word;
  if (!made) co_return;
  std::string text(kBytes, 'x');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  io::Scope scope;
  scope.spawn(send_and_finish(made->get(), text));
  std::string got;
  for (;;) {
    auto chunk = co_await (*made)->read();
    EXPECT_TRUE(chunk);
    if (!chunk || chunk->empty()) break;
    got.append(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
  }
  co_await scope.join();
  if (got == text) ++node->echoed;
}

io::Task<void> run_all(Node* node, io::Listener* listener) {
  io::Scope scope;
  scope.spawn(serve(node, listener));
  const auto to = listener->local_address();
  for (int i = 0; i < kConnections; ++i) scope.spawn(call(node, to, i % 8 == 7));
  co_await scope.join();
}

TEST(TlsOverUring, ACrowdShakesHandsAtOnce) {
  SetClock clock;
  const TestAuthority ca("default", clock);
  const TestAuthority stranger("default", clock);
  Credentials::Environment environment;
  environment.store = std::make_shared<SessionStore>();
  environment.clock = &clock;
  const auto client = ca.issue({kClientName});
  const auto server = ca.issue({kServerName});
  CredentialsImage image{
      .generation = 1,
      .meshes = {{"default", 1, {{"default", IdentityForm::kuma, ca.authority->bundle_pem()}}}},
      .workloads = {{kClientWorkload, "default", client.chain_pem, client.key_pem},
                    {kServerWorkload, "default", server.chain_pem, server.key_pem}}};
  const auto credentials = *Credentials::build(image, environment);
  const auto strange = stranger.issue({kClientName});
  const auto strangers =
      *Credentials::build(image_of(kClientWorkload, strange, ca.authority->bundle_pem()), environment);

  auto backend = io::make_uring_backend();
  ASSERT_TRUE(backend) << backend.error().message;
  io::Ring ring(std::move(*backend));
  io::OffloadThreads threads(2);  // ends before the ring that it reports to
  io::OffloadPool pool(ring, &threads);
  Handshakes handshakes(pool);
  Node node{ring, handshakes, credentials, strangers};
  auto listener = ring.listen(*SocketAddr::parse("127.0.0.1:0"));
  ASSERT_TRUE(listener);
  const auto ran = ring.run_task(run_all(&node, &*listener));
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(node.echoed, kConnections - kConnections / 8);
  EXPECT_EQ(node.refused, kConnections / 8);
  EXPECT_EQ(handshakes.running(), 0u);
}

}  // namespace
}  // namespace sluice::tls
