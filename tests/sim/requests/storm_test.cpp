// Everything at once on a network that fails: limits, faults, timeouts, clients that leave or ask ahead,
// policies that change. Whatever happens, every life ends, nothing is left, and nobody gets another's answer.
#include <chrono>
#include <random>

#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

std::string policies(unsigned which) {
  std::string out;
  if ((which & 1) != 0) out += towards("MeshTimeout", "api", "{http: {requestTimeout: 3s}}");
  if ((which & 2) != 0) out += towards("MeshTimeout", "far", "{idleTimeout: 2s, http: {requestTimeout: 2s}}");
  if ((which & 4) != 0)
    out += at_api("MeshTimeout",
                  "    - default: {idleTimeout: 2s, http: {requestTimeout: 2s, maxStreamDuration: 3s}}\n");
  if ((which & 8) != 0)
    out += at_api("MeshRateLimit", R"(
    - default:
        local:
          http: {requestRate: {num: 20, interval: 1s}}
          tcp: {connectionRate: {num: 30, interval: 1s}}
)");
  if ((which & 16) != 0)
    out += at_api("MeshFaultInjection", R"(
    - default:
        http:
          - delay: {value: 300ms, percentage: 20}
            abort: {httpStatus: 503, percentage: 20}
            responseBandwidth: {limit: 100kbps, percentage: 30}
)");
  return out;
}

struct Tally {
  int good = 0;
  int other = 0;  // refused, cut short
  int wrong = 0;
};

io::Task<void> visit(HttpLab* lab, std::uint64_t seed, Tally* tally) {
  std::mt19937_64 random(seed);
  const Way way = random() % 3 == 0 ? Way::outbound : random() % 2 == 0 ? Way::inbound : Way::same_node;
  (void)co_await lab->ring().sleep_for(Millis(random() % 2000));
  Client client(*lab, way);
  for (int i = 0; i < 6; ++i) {
    const std::string name = "x-me: " + std::to_string(seed) + "." + std::to_string(i) + "\r\n";
    const std::string path = random() % 4 == 0   ? "/wait/" + std::to_string(random() % 4000)
                             : random() % 5 == 0 ? "/drip/5/" + std::to_string(random() % 900)
                             : random() % 6 == 0 ? "/bytes/" + std::to_string(random() % 200'000)
                             : random() % 9 == 0 ? "/never"
                                                 : "/echo";
    const std::string body = random() % 3 == 0 ? std::string(random() % 50'000, 'b') : "";
    if (random() % 7 == 0) {
      co_await client.send("GET " + path + " HTTP/1.1\r\nhost: lab\r\n" + name + "\r\n");
      (void)co_await lab->ring().sleep_for(Millis(random() % 400));
      co_return;
    }
    const auto answer = co_await client.ask(path, name, body);
    const bool echoes = path == "/echo" || path.starts_with("/wait");
    if (answer.status != 200 || !answer.whole) {
      ++tally->other;
      if (answer.status == 0 || !answer.whole) co_return;
      continue;
    }
    ++(echoes && answer.body.find(name) == std::string::npos ? tally->wrong : tally->good);
  }
}

io::Task<void> swap(HttpLab* lab, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (int i = 0; i < 6; ++i) {
    if (!co_await lab->ring().sleep_for(Millis(random() % 700))) co_return;
    lab->put_into_force(policies(static_cast<unsigned>(random() % 32)));
  }
}

io::Task<void> crowd(HttpLab* lab, std::uint64_t seed, Tally* tally) {
  io::Scope clients;
  io::Scope swaps;
  swaps.spawn(swap(lab, seed));
  for (std::uint64_t i = 0; i < 60; ++i) clients.spawn(visit(lab, seed * 1000 + i, tally));
  co_await clients.join();
  swaps.cancel();
  co_await swaps.join();
}

void storm(const io::SimFaults& faults, std::uint64_t first, int seeds, Tally* tally) {
  for (std::uint64_t seed = first; seed < first + static_cast<std::uint64_t>(seeds); ++seed) {
    HttpLab lab(policies(static_cast<unsigned>(seed) % 32), {.mtls = false, .seed = seed, .faults = faults});
    lab.play(crowd(&lab, seed, tally));
    EXPECT_EQ(tally->wrong, 0) << "seed " << seed;
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Storm, OnAGoodNetworkOnlyPolicyRefuses) {
  Tally tally;
  storm({}, 1, 32, &tally);
  EXPECT_GT(tally.good, 2000);
  EXPECT_GT(tally.other, 100);
}

TEST(Storm, NothingIsLeftAndNobodyGetsAnothersAnswer) {
  Tally tally;
  storm(io::SimFaults::storm(), 100, 60, &tally);
  EXPECT_GT(tally.good, 500);
}

}  // namespace
}  // namespace sluice::lab
