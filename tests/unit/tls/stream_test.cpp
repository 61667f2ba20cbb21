// TlsStream and Handshakes on a ring without sockets.
#include "io/frame_pool.h"
#include "io/scope.h"
#include "memory_transport.h"
#include "mesh_fixture.h"
#include "tests/support/heap.h"
#include "tls/handshakes.h"

namespace sluice::tls {
namespace {

using StreamPtr = std::unique_ptr<TlsStream>;
using Made = Result<StreamPtr>;

io::Task<void> keep(io::Task<Made> handshake, std::optional<Made>* out) {
  *out = co_await std::move(handshake);
}

io::Task<void> send_all(io::Stream* stream, std::string text, Result<>* outcome) {
  std::span<const std::byte> rest = std::as_bytes(std::span(text));
  while (!rest.empty()) {
    const auto part = rest.first(std::min<std::size_t>(rest.size(), 40'000));
    *outcome = co_await stream->write(part);
    if (!*outcome) co_return;
    rest = rest.subspan(part.size());
  }
  *outcome = co_await stream->finish();
}

io::Task<void> receive_all(io::Stream* stream, std::string* text, Result<>* outcome) {
  for (;;) {
    auto chunk = co_await stream->read();
    if (!chunk) {
      *outcome = std::unexpected(chunk.error());
      co_return;
    }
    if (chunk->empty()) co_return;
    text->append(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
  }
}

class Stream : public testing::Test {
 protected:
  Stream() {
    environment.store = std::make_shared<SessionStore>();
    environment.clock = &clock;
    const auto client_svid = ca.issue({kClientName});
    const auto server_svid = ca.issue({kServerName});
    credentials = *Credentials::build(
        {.generation = 1,
         .meshes = {{"default", 1, {{"default", IdentityForm::kuma, ca.authority->bundle_pem()}}}},
         .workloads = {{kClientWorkload, "default", client_svid.chain_pem, client_svid.key_pem},
                       {kServerWorkload, "default", server_svid.chain_pem, server_svid.key_pem}}},
        environment);
  }

  std::unique_ptr<io::Stream> client_transport() { return std::make_unique<MemoryTransport>(down, up); }
  std::unique_ptr<io::Stream> server_transport() { return std::make_unique<MemoryTransport>(up, down); }

  io::Task<void> handshake_both() {
    io::Scope scope;
    scope.spawn(keep(handshakes.connect(client_transport(), credentials, kClientWorkload,
                                        {.expected = {kServerName}, .address = {}}),
                     &client));
    scope.spawn(keep(handshakes.accept(server_transport(), credentials, kServerWorkload, {}), &server));
    co_await scope.join();
  }
  void join_streams() {
    ASSERT_TRUE(*ring.run_task(handshake_both()));
    ASSERT_TRUE(client->has_value() && server->has_value());
  }
  TlsStream* client_end() { return (**client).get(); }
  TlsStream* server_end() { return (**server).get(); }

  SetClock clock;
  TestAuthority ca{"default", clock};
  Credentials::Environment environment;
  std::shared_ptr<const Credentials> credentials;
  io::Ring ring{std::make_unique<TimeOnlyBackend>()};
  io::OffloadPool pool{ring};
  Handshakes handshakes{pool, {.at_once = 2, .deadline = std::chrono::seconds(10)}};
  std::shared_ptr<MemoryLane> up = std::make_shared<MemoryLane>(ring);
  std::shared_ptr<MemoryLane> down = std::make_shared<MemoryLane>(ring);
  std::optional<Made> client;
  std::optional<Made> server;
};

io::Task<void> both_ways(TlsStream* client, TlsStream* server, std::string text, std::string* at_server,
                         std::string* at_client, std::array<Result<>, 4>* outcomes) {
  io::Scope scope;
  scope.spawn(send_all(client, text, &(*outcomes)[0]));
  scope.spawn(send_all(server, text, &(*outcomes)[1]));
  scope.spawn(receive_all(server, at_server, &(*outcomes)[2]));
  scope.spawn(receive_all(client, at_client, &(*outcomes)[3]));
  co_await scope.join();
}

io::Task<void> weigh_read(TlsStream* client, TlsStream* server, std::size_t* frame) {
  std::string text;
  Result<> outcome;
  io::reset_largest_frame();
  io::Scope reader;
  reader.spawn(receive_all(server, &text, &outcome));
  *frame = io::frame_stats().largest;
  EXPECT_TRUE(co_await client->finish());
  co_await reader.join();
  EXPECT_TRUE(outcome);
}

// An idle connection is a read that waits: what it would take to answer an alert is not part of it.
TEST_F(Stream, ASmallFrameWaitsForBytes) {
  join_streams();
  std::size_t frame = 0;
  ASSERT_TRUE(*ring.run_task(weigh_read(client_end(), server_end(), &frame)));
  EXPECT_GT(frame, 0U);
  EXPECT_LT(frame, 600U);
}

io::Task<void> wake_up(TlsStream* from, TlsStream* to) {
  const std::string text = "awake";
  EXPECT_TRUE(co_await from->write(std::as_bytes(std::span(text))));
  const auto heard = co_await to->read();
  EXPECT_TRUE(heard && heard->size() == text.size());
}

std::size_t freed_for_each(std::vector<StreamPtr>& streams) {
  const auto many = streams.size();
  const auto before = test::heap_in_use();
  streams.clear();
  return (before - test::heap_in_use()) / many;
}

TEST_F(Stream, BothEndsAtRestHoldLittle) {
  constexpr std::size_t kMany = 40;  // the allocator keeps a few blocks of each size for itself
  std::vector<StreamPtr> clients;
  std::vector<StreamPtr> servers;
  std::vector<std::shared_ptr<MemoryLane>> lanes;  // not to be counted
  const auto rest = [&] {
    clients.back()->rest();
    servers.back()->rest();
  };
  for (std::size_t i = 0; i < kMany; ++i) {
    up = std::make_shared<MemoryLane>(ring);
    down = std::make_shared<MemoryLane>(ring);
    lanes.insert(lanes.end(), {up, down});
    join_streams();
    clients.push_back(std::move(**client));
    servers.push_back(std::move(**server));
    rest();
    ASSERT_TRUE(*ring.run_task(wake_up(clients.back().get(), servers.back().get())));
    ASSERT_TRUE(*ring.run_task(wake_up(servers.back().get(), clients.back().get())));
    rest();
  }
  for (auto* ends : {&clients, &servers}) {
    SCOPED_TRACE(ends == &clients ? "clients" : "servers");
    const auto each = freed_for_each(*ends);
    EXPECT_GT(each, 256U);
    EXPECT_LT(each, 1024U);  // two ciphers alone are 2 KiB
  }
}

io::Task<void> receive_between_rests(std::array<TlsStream*, 2> ends, std::size_t own, std::string* text) {
  while (auto chunk = co_await ends[own]->read()) {
    for (auto* end : ends) end->rest();  // the other one reads, both write
    if (chunk->empty()) co_return;
    text->append(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
  }
}

io::Task<void> both_ways_between_rests(std::array<TlsStream*, 2> ends, std::string text,
                                       std::array<std::string, 2>* heard) {
  io::Scope scope;
  std::array<Result<>, 2> outcomes;
  for (std::size_t i = 0; i < 2; ++i) {
    scope.spawn(send_all(ends[i], text, &outcomes[i]));
    scope.spawn(receive_between_rests(ends, i, &(*heard)[i]));
  }
  co_await scope.join();
  EXPECT_TRUE(outcomes[0] && outcomes[1]);
}

TEST_F(Stream, RestsWhileBytesAreUnderWay) {
  const std::string text(300'000, 'r');
  for (const std::size_t piece : {std::size_t{1000}, std::size_t{16'406}}) {
    up = std::make_shared<MemoryLane>(ring);
    down = std::make_shared<MemoryLane>(ring);
    up->piece = down->piece = piece;
    join_streams();
    std::array<std::string, 2> heard;
    EXPECT_TRUE(*ring.run_task(both_ways_between_rests({client_end(), server_end()}, text, &heard)));
    EXPECT_TRUE(heard[0] == text);
    EXPECT_TRUE(heard[1] == text);
  }
}

TEST_F(Stream, CarriesBothDirectionsInAnySplit) {
  std::string text(700'000, 'x');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  for (const std::size_t piece : {std::size_t{1000}, std::size_t{16'406}, std::size_t{64 * 1024}}) {
    SCOPED_TRACE(piece);
    up = std::make_shared<MemoryLane>(ring);
    down = std::make_shared<MemoryLane>(ring);
    up->piece = down->piece = piece;
    join_streams();
    EXPECT_TRUE(server_end()->peer().has(kClientName));
    EXPECT_EQ(client_end()->alpn(), Alpn::sluice_h2);
    std::string at_server;
    std::string at_client;
    std::array<Result<>, 4> outcomes;
    EXPECT_TRUE(
        *ring.run_task(both_ways(client_end(), server_end(), text, &at_server, &at_client, &outcomes)));
    for (const auto& outcome : outcomes) EXPECT_TRUE(outcome);
    EXPECT_TRUE(at_server == text);
    EXPECT_TRUE(at_client == text);
    EXPECT_EQ(handshakes.running(), 0u);
  }
}

io::Task<void> half_close(TlsStream* client, TlsStream* server, std::string* log) {
  auto finished = co_await client->finish();
  auto end = co_await server->read();
  if (finished && end && end->empty()) *log += "server saw the end;";
  auto again = co_await server->read();
  if (again && again->empty()) *log += "and again;";
  auto written = co_await server->write(io::Chunk::copy_of(std::as_bytes(std::span("late", 4))));
  auto got = co_await client->read();
  if (written && got && got->size() == 4) *log += "client got the answer;";
}

TEST_F(Stream, HalfCloseKeepsTheOtherDirection) {
  join_streams();
  std::string log;
  EXPECT_TRUE(*ring.run_task(half_close(client_end(), server_end(), &log)));
  EXPECT_EQ(log, "server saw the end;and again;client got the answer;");
}

TEST_F(Stream, ACutTransportIsNoOrderlyEnd) {
  join_streams();
  client.reset();  // ends the transport without close_notify
  std::string text;
  Result<> outcome;
  EXPECT_TRUE(*ring.run_task(receive_all(server_end(), &text, &outcome)));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().reason, Reason::client_reset);
}

TEST_F(Stream, DamagedCiphertextEndsAfterTheGoodBytes) {
  join_streams();
  Result<> outcome;
  EXPECT_TRUE(*ring.run_task(send_all(client_end(), std::string(30'000, 'g'), &outcome)));
  up->bytes[20'000] ^= std::byte{1};  // in the second record
  std::string text;
  Result<> received;
  EXPECT_TRUE(*ring.run_task(receive_all(server_end(), &text, &received)));
  EXPECT_EQ(text.size(), Engine::kRecordPlaintextMax);
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().reason, Reason::tls_protocol_error);
}

TEST_F(Stream, ASilentPeerMeetsTheDeadline) {
  EXPECT_TRUE(
      *ring.run_task(keep(handshakes.accept(server_transport(), credentials, kServerWorkload, {}), &server)));
  ASSERT_FALSE(server->has_value());
  EXPECT_EQ(server->error().reason, Reason::handshake_timeout);
  EXPECT_EQ(handshakes.running(), 0u);
}

TEST_F(Stream, BytesOfTheSniffAreNotLost) {
  auto engine = *Engine::connect(*credentials, kClientWorkload, {.expected = {kServerName}, .address = {}});
  ASSERT_TRUE(engine->step());
  const auto hello = engine->take_output();
  EXPECT_TRUE(*ring.run_task(
      keep(handshakes.accept(server_transport(), credentials, kServerWorkload, io::Chunk::copy_of(hello)),
           &server)));
  ASSERT_FALSE(server->has_value()) << "nobody answered the server's flight";
  EXPECT_EQ(server->error().reason, Reason::handshake_timeout);
  EXPECT_GT(down->bytes.size(), 500u) << "the flight was sent";
}

io::Task<void> crowd(Handshakes* handshakes, std::vector<std::unique_ptr<io::Stream>> transports,
                     std::shared_ptr<const Credentials> credentials, std::vector<std::optional<Made>>* out) {
  io::Scope scope;
  for (std::size_t i = 0; i < transports.size(); ++i)
    scope.spawn(
        keep(handshakes->accept(std::move(transports[i]), credentials, kServerWorkload, {}), &(*out)[i]));
  co_await scope.join();
}

TEST_F(Stream, OneHandshakeTooManyEndsTheOneWhosePeerIsSilentLongest) {
  std::vector<std::unique_ptr<io::Stream>> transports;
  for (int i = 0; i < 3; ++i)
    transports.push_back(std::make_unique<MemoryTransport>(std::make_shared<MemoryLane>(ring),
                                                           std::make_shared<MemoryLane>(ring)));
  std::vector<std::optional<Made>> out(3);
  EXPECT_TRUE(*ring.run_task(crowd(&handshakes, std::move(transports), credentials, &out)));
  EXPECT_EQ(out[0]->error().reason, Reason::limit_connections);
  EXPECT_EQ(out[1]->error().reason, Reason::handshake_timeout);
  EXPECT_EQ(out[2]->error().reason, Reason::handshake_timeout);
  EXPECT_EQ(handshakes.running(), 0u);
}

TEST_F(Stream, AWorkloadWithoutCertificateSaysSo) {
  EXPECT_TRUE(*ring.run_task(keep(handshakes.accept(server_transport(), credentials, 99, {}), &server)));
  ASSERT_FALSE(server->has_value());
  EXPECT_EQ(server->error().reason, Reason::tls_no_identity);
}

}  // namespace
}  // namespace sluice::tls
