// A connection that is relayed unread when a policy comes that wants its requests: it ends when that hurts
// least, and clients obey from their next connection on.
#include <chrono>

#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

std::string read_requests(Way way) {
  if (way == Way::outbound) return towards("MeshTimeout", "far", "{http: {requestTimeout: 90s}}");
  return at_api("MeshTimeout", "    - default: {http: {requestTimeout: 90s}}\n");
}

struct Life {
  std::vector<int> statuses{};
  bool in_order = false;
  Nanos lasted{};  // from the policy to the end
};

// Asks `times` times with `pause` in between, from when the policy has come.
io::Task<void> live_on(HttpLab* lab, Way way, std::string path, int times, Nanos pause, Life* out) {
  Client client(*lab, way);
  out->statuses.push_back((co_await client.ask("/echo")).status);
  lab->put_into_force(read_requests(way));
  const MonoTime began = lab->ring().now();
  for (int i = 0; i < times; ++i) {
    out->statuses.push_back((co_await client.ask(path)).status);
    if (out->statuses.back() == 0) break;
    (void)co_await lab->ring().sleep_for(pause);
  }
  out->in_order = co_await client.ended();
  out->lasted = lab->ring().now() - began;
}

Life life(HttpLab& lab, Way way, const std::string& path, int times, Nanos pause) {
  Life out;
  lab.play(live_on(&lab, way, path, times, pause, &out));
  return out;
}

TEST(Retirement, EndsAQuietConnectionInOrder) {
  for (const Way way : {Way::outbound, Way::inbound, Way::same_node}) {
    HttpLab lab("");
    const Life quiet = life(lab, way, "/echo", 1, 0s);
    EXPECT_EQ(quiet.statuses, (std::vector{200, 200}));
    EXPECT_TRUE(quiet.in_order);
    EXPECT_GE(quiet.lasted, 60s);
    EXPECT_LE(quiet.lasted, 62s);
    EXPECT_GE(lab.count(Reason::drained), 1U);
  }
}

// The server takes its time: that is no quiet moment.
TEST(Retirement, WaitsForAnAnswer) {
  HttpLab lab("");
  const Life slow = life(lab, Way::outbound, "/wait/30000", 1, 0s);
  EXPECT_EQ(slow.statuses, (std::vector{200, 200}));
  EXPECT_GE(slow.lasted, 90s);
}

constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
constexpr std::string_view kEvent = "data: tick\n\n";
constexpr int kEvents = 5;

io::Task<void> play_events(io::Ring* ring, io::Socket* socket, void*) {
  (void)co_await socket->recv();
  auto sent = co_await socket->send(std::as_bytes(std::span(kHead)));
  for (int i = 0; sent && i < kEvents; ++i) {
    (void)co_await ring->sleep_for(45s);
    sent = co_await socket->send(std::as_bytes(std::span(kEvent)));
  }
}

io::Task<void> listen_to_events(HttpLab* lab, std::string* heard) {
  Client client(*lab, Way::outbound);
  co_await client.send("GET /events HTTP/1.1\r\nhost: lab\r\n\r\n");
  (void)co_await client.raw(kHead.size());
  lab->put_into_force(read_requests(Way::outbound));
  *heard = co_await client.raw(kHead.size() + kEvents * kEvent.size());
}

TEST(Retirement, DoesNotCutEventsBetweenTwoOfThem) {
  HttpLab lab("");
  lab.application().player = play_events;
  std::string heard;
  lab.play(listen_to_events(&lab, &heard));
  EXPECT_EQ(heard.size(), kHead.size() + kEvents * kEvent.size());
}

// Answers what it hears with `says`, then with what it hears.
struct Switch {
  std::string says;
};

io::Task<void> play_switch(io::Ring*, io::Socket* socket, void* context) {
  const auto& what = *static_cast<const Switch*>(context);
  for (bool first = true;; first = false) {
    auto chunk = co_await socket->recv();
    if (!chunk || chunk->empty()) break;
    const auto sent = first ? co_await socket->send(std::as_bytes(std::span(what.says)))
                            : co_await socket->send(chunk->bytes());
    if (!sent) break;
  }
}

io::Task<void> switch_over(HttpLab* lab, Way way, std::string asks, std::string says, std::string* out) {
  Client client(*lab, way);
  co_await client.send(asks);
  (void)co_await client.raw(says.size());
  lab->put_into_force(read_requests(way));
  (void)co_await lab->ring().sleep_for(50min);
  co_await client.send("still there");
  const auto got = co_await client.raw(says.size() + 11);
  *out = got.ends_with("still there") ? "still there" : "";
}

std::string after_an_hour(Way way, const std::string& asks, const std::string& says) {
  HttpLab lab("");
  Switch what{says};
  lab.application().player = play_switch;
  lab.application().player_context = &what;
  std::string out;
  lab.play(switch_over(&lab, way, asks, says, &out));
  return out;
}

constexpr const char* kUpgrade =
    "GET /ws HTTP/1.1\r\nhost: lab\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
constexpr const char* kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

TEST(Retirement, IsNotForWebSocketsAndTunnels) {
  for (const Way way : {Way::outbound, Way::inbound, Way::same_node})
    EXPECT_EQ(after_an_hour(way, kUpgrade, kSwitching), "still there") << static_cast<int>(way);
  const std::string connect = "CONNECT db:1 HTTP/1.1\r\nhost: db:1\r\n\r\n";
  EXPECT_EQ(after_an_hour(Way::outbound, connect, "HTTP/1.1 200 OK\r\n\r\n"), "still there");
  EXPECT_EQ(after_an_hour(Way::outbound, connect, "HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n"), "");
  EXPECT_EQ(after_an_hour(Way::outbound, kUpgrade, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), "");
}

TEST(Retirement, LetsABusyConnectionGoOnForTenMinutes) {
  HttpLab lab("");
  const Life busy = life(lab, Way::outbound, "/echo", 400, 2s);
  EXPECT_GE(busy.lasted, 590s);
  EXPECT_LE(busy.lasted, 610s);
  EXPECT_GT(busy.statuses.size(), 290U);
}

io::Task<void> ask_twice(HttpLab* lab, std::vector<std::string>* lines) {
  Client old(*lab, Way::outbound);
  (void)co_await old.ask("/echo");
  lab->put_into_force(read_requests(Way::outbound));
  Client fresh(*lab, Way::outbound);
  lines->push_back((co_await fresh.ask("/echo")).body);
  lines->push_back((co_await old.ask("/echo")).body);
  lab->put_into_force("");
  (void)co_await lab->ring().sleep_for(3min);
  lines->push_back((co_await old.ask("/echo")).body);
}

TEST(Retirement, ConcernsOnlyThoseFromBeforeAndOnlyWhileThePolicyIsThere) {
  HttpLab lab("");
  std::vector<std::string> bodies;
  lab.play(ask_twice(&lab, &bodies));
  ASSERT_EQ(bodies.size(), 3U);
  EXPECT_TRUE(bodies[0].contains("x-request-id")) << "a new one is read: " << bodies[0];
  EXPECT_FALSE(bodies[1].contains("x-request-id"));
  EXPECT_TRUE(bodies[2].starts_with("GET /echo")) << "the policy is gone";
  EXPECT_EQ(lab.count(Reason::drained), 0U);
}

io::Task<void> go_on_with_bytes(HttpLab* lab, Life* out) {
  Client client(*lab, Way::bytes);
  (void)co_await client.ask("/echo");
  lab->put_into_force(read_requests(Way::outbound));
  (void)co_await lab->ring().sleep_for(15min);
  out->statuses.push_back((co_await client.ask("/echo")).status);
}

TEST(Retirement, IsNotForBytes) {
  HttpLab lab("");
  Life out;
  lab.play(go_on_with_bytes(&lab, &out));
  EXPECT_EQ(out.statuses, std::vector{200});
}

}  // namespace
}  // namespace sluice::lab
