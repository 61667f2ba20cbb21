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
    EXPECT_GE(quiet.lasted, 5s);
    EXPECT_LE(quiet.lasted, 7s);
    EXPECT_GE(lab.count(Reason::drained), 1U);
  }
}

// The server takes its time: that is no quiet moment.
TEST(Retirement, WaitsForAnAnswer) {
  HttpLab lab("");
  const Life slow = life(lab, Way::outbound, "/wait/30000", 1, 0s);
  EXPECT_EQ(slow.statuses, (std::vector{200, 200}));
  EXPECT_GE(slow.lasted, 35s);
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
  (void)co_await lab->ring().sleep_for(30s);
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
