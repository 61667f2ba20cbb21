// An HTTP/2 client session against an HTTP/2 server session over the simulated network: what is asked comes
// back to who asked, whatever the network does meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>

#include "codec/h2_client.h"
#include "codec/h2_server.h"
#include "io/scope.h"
#include "tests/sim/codec/own_heads.h"
#include "tests/support/sim_ring.h"

namespace sluice::codec {
namespace {

// Answers with the path as a header, the body as it came, and the trailers as they came.
io::Task<void> serve_one(std::unique_ptr<ServerStream> stream) {
  const Answering answering(
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: x-hop\r\nx-hop: 1\r\n\r\n");
  const std::string path(stream->request().target.path);
  if (path == "/reset") {
    stream->reset({Reason::upstream_reset, Origin::upstream, ECONNRESET, "test"});
    co_return;
  }
  const http::SetField set[] = {{"X-Path", path}};
  if (!co_await stream->answer(answering.response, {.set = set}, false)) co_return;
  for (;;) {
    auto part = co_await stream->read_body();
    if (!part) co_return;
    if (!part->data.empty() && !co_await stream->write_body(std::move(part->data))) co_return;
    if (part->last) {
      (void)co_await stream->finish(part->trailers);
      co_return;
    }
  }
}

io::Task<void> serve_connection(io::Ring* ring, io::Socket socket, H2Limits limits) {
  io::SocketStream client(std::move(socket));
  H2ServerSession session(*ring, client, limits, {});
  io::Scope streams;
  for (;;) {
    auto stream = co_await session.next();
    if (!stream || !*stream) break;
    if ((*stream)->request().target.path == "/leave") session.drain_gently();
    streams.spawn(serve_one(std::move(*stream)));
  }
  co_await streams.join();
  co_await session.close();
}

io::Task<void> accept_all(io::Ring* ring, io::Listener* listener, H2Limits limits) {
  io::Scope connections;
  for (;;) {
    auto accepted = co_await listener->accept();
    if (!accepted) break;
    connections.spawn(serve_connection(ring, std::move(*accepted), limits));
  }
  connections.cancel();
  co_await connections.join();
}

struct Answer {
  std::optional<Error> error;
  std::uint16_t status = 0;
  std::string path;
  bool has_hop_field = false;
  std::string body;
  std::string trailers;
};

io::Task<void> send_body(ClientStream* stream, std::string body) {
  for (std::size_t at = 0; at < body.size(); at += 20000) {
    if (!co_await stream->write_body(chunk_of(std::string_view(body).substr(at, 20000)))) co_return;
  }
  (void)co_await stream->finish("x-sum: " + std::to_string(body.size()) + "\r\n");
}

io::Task<Answer> read_answer(ClientStream* stream) {
  Answer out;
  const auto head = co_await stream->answer();
  if (!head) {
    out.error = head.error();
    co_return out;
  }
  const http::Response& response = **head;
  out.status = response.status;
  if (const auto* field = response.fields->find(response.head, "x-path"))
    out.path = field->value(response.head);
  out.has_hop_field = response.fields->find(response.head, "x-hop") != nullptr;
  for (;;) {
    auto part = co_await stream->read_body();
    if (!part) {
      out.error = part.error();
      co_return out;
    }
    out.body.append(reinterpret_cast<const char*>(part->data.bytes().data()), part->data.size());
    if (part->last) {
      out.trailers = part->trailers;
      co_return out;
    }
  }
}

io::Task<Answer> ask(ClientSession* session, std::string path, std::string body) {
  const Asking asking("POST " + path +
                      " HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n");
  auto stream = session->open();
  const auto sent = co_await stream->send(asking.request, {}, false);
  if (!sent) {
    Answer refused;
    refused.error = sent.error();
    co_return refused;
  }
  io::Scope sending;
  sending.spawn(send_body(stream.get(), std::move(body)));
  auto answer = co_await read_answer(stream.get());
  sending.cancel();
  co_await sending.join();
  co_return answer;
}

io::Task<void> ask_into(ClientSession* session, std::string path, std::string body,
                        std::map<std::string, Answer>* out) {
  const std::string key = path;
  auto answer = co_await ask(session, std::move(path), std::move(body));
  (*out)[key] = std::move(answer);
}

std::string body_number(int i) {
  return std::string(static_cast<std::size_t>(i) * 7919 % 300000, static_cast<char>('a' + i % 26));
}

io::Task<void> run_session(ClientSession* session) {
  co_await session->run();
}

using Answers = std::map<std::string, Answer>;

io::Task<void> ask_many(ClientSession* session, int count, Answers* answers) {
  io::Scope asking;
  for (int i = 0; i < count; ++i)
    asking.spawn(ask_into(session, "/" + std::to_string(i), body_number(i), answers));
  co_await asking.join();
}

// story(session) asks on one connection to a server.
template <typename Story>
io::Task<void> with_session(io::Ring* ring, H2Limits limits, Story story) {
  auto listener = ring->listen(server_address());
  io::Scope servers;
  servers.spawn(accept_all(ring, &*listener, limits));
  {
    auto socket = ring->open_socket(server_address());
    const auto connected = co_await socket->connect(server_address());
    if (connected) {
      H2ClientSession session(*ring, std::make_unique<io::SocketStream>(std::move(*socket)), {});
      io::Scope running;
      running.spawn(run_session(&session));
      co_await story(&session);
      running.cancel();
      co_await running.join();
    }
  }
  servers.cancel();
  co_await servers.join();
}

Answers simulate(std::uint64_t seed, io::SimFaults faults, int count, H2Limits limits = {}) {
  io::SimRing sim{seed, faults};
  Answers answers;
  const auto story = [&](ClientSession* session) { return ask_many(session, count, &answers); };
  const auto finished = sim.ring().run_task(with_session(&sim.ring(), limits, story));
  EXPECT_TRUE(finished && *finished);
  return answers;
}

TEST(H2Sim, EveryRequestGetsItsOwnAnswer) {
  const auto answers = simulate(io::sim_seed(1), {.latency_max = Millis(2)}, 60);
  ASSERT_EQ(answers.size(), 60U);
  for (int i = 0; i < 60; ++i) {
    const auto& answer = answers.at("/" + std::to_string(i));
    ASSERT_FALSE(answer.error) << i;
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.path, "/" + std::to_string(i));
    EXPECT_FALSE(answer.has_hop_field);
    EXPECT_EQ(answer.body, body_number(i));
    EXPECT_EQ(answer.trailers, "x-sum: " + std::to_string(body_number(i).size()) + "\r\n");
  }
}

// Whatever breaks: an answer that came whole is the right one, and everything ends.
TEST(H2Sim, UnderFaultsNoAnswerIsAnothers) {
  const std::uint64_t first = io::sim_seed(100);
  std::size_t whole = 0;
  for (std::uint64_t seed = first; seed < first + 40; ++seed) {
    auto faults = io::SimFaults::storm();
    faults.latency_max = Millis(5);
    for (const auto& [path, answer] : simulate(seed, faults, 30)) {
      if (answer.error) continue;
      ++whole;
      EXPECT_EQ(answer.path, path) << "seed " << seed;
      EXPECT_EQ(answer.body, body_number(std::stoi(path.substr(1)))) << "seed " << seed;
    }
  }
  EXPECT_GT(whole, 0U);
}

TEST(H2Sim, MoreRequestsThanStreamsAreToldToGoElsewhere) {
  const auto answers = simulate(io::sim_seed(1), {.latency_max = Millis(2)}, 200);
  std::size_t refused = 0;
  for (const auto& [path, answer] : answers) {
    if (answer.error) {
      EXPECT_EQ(answer.error->reason, Reason::http_stream_refused);
      ++refused;
    } else {
      EXPECT_EQ(answer.path, path);
    }
  }
  EXPECT_EQ(refused, 72U);
}

// Asks while the news that the server leaves is on its way, as long as the session takes requests.
io::Task<void> ask_until_told(io::Ring* ring, ClientSession* session, Answers* answers, int* asked) {
  io::Scope asking;
  asking.spawn(ask_into(session, "/leave", "x", answers));
  for (*asked = 1; session->room() > 0 && *asked < 100; ++*asked) {
    asking.spawn(ask_into(session, "/" + std::to_string(*asked), "x", answers));
    co_await ring->sleep_for(std::chrono::microseconds(100));
  }
  co_await asking.join();
}

TEST(H2Sim, RequestsThatCrossWithALeavingServerAreServed) {
  const std::uint64_t first = io::sim_seed(1);
  std::ptrdiff_t refused = 0;
  for (std::uint64_t seed = first; seed < first + 20; ++seed) {
    io::SimRing sim{seed, {.latency_max = Millis(2)}};
    Answers answers;
    int asked = 0;
    const auto story = [&](ClientSession* session) {
      return ask_until_told(&sim.ring(), session, &answers, &asked);
    };
    ASSERT_TRUE(sim.ring().run_task(with_session(&sim.ring(), {}, story)));
    EXPECT_LT(asked, 100) << "the client was not told; seed " << seed;
    EXPECT_EQ(answers.size(), static_cast<std::size_t>(asked));
    refused += std::ranges::count_if(answers, [](const auto& one) { return one.second.error.has_value(); });
  }
  // What is left to go elsewhere is only what still waited for the wire when the client heard of it.
  EXPECT_LT(refused, 30);
}

}  // namespace
}  // namespace sluice::codec
