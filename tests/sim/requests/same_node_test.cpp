// Client and server on one node: the server's inbound policy holds for requests as over the network.
#include <chrono>

#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

const std::string kClientReads = towards("MeshTimeout", "api", "{http: {requestTimeout: 30s}}");

io::Task<void> ask_across_tables(HttpLab* lab, std::string limited, std::vector<int>* out) {
  Client client(*lab, Way::same_node);
  for (int i = 0; i < 3; ++i) out->push_back((co_await client.ask("/echo")).status);
  lab->put_into_force(limited);
  for (int i = 0; i < 3; ++i) out->push_back((co_await client.ask("/echo")).status);
}

TEST(SameNode, ALimitHoldsFromTheNextRequestOfAConnectionOn) {
  HttpLab lab(kClientReads, {.mtls = true});
  std::vector<int> out;
  lab.play(ask_across_tables(&lab, kClientReads + at_api("MeshRateLimit", R"(
    - default: {local: {http: {requestRate: {num: 2, interval: 1h}}}}
)"),
                             &out));
  EXPECT_EQ(out, (std::vector<int>{200, 200, 200, 200, 200, 429}));
}

io::Task<void> ask_one(HttpLab* lab, std::string path, Client::Answer* out) {
  Client client(*lab, Way::same_node);
  *out = co_await client.ask(path);
}

TEST(SameNode, TimeoutsOfTheInboundHold) {
  HttpLab lab(at_api("MeshTimeout", "    - default: {http: {requestTimeout: 1s}}\n"), {.mtls = true});
  Client::Answer answer;
  lab.play(ask_one(&lab, "/wait/5000", &answer));
  EXPECT_EQ(answer.status, 504);
  EXPECT_LT(answer.took, 1200ms);
}

TEST(SameNode, TheInboundHasItsOwnRecordAndTheClientsIdentity) {
  HttpLab lab(at_api("MeshTimeout", "    - default: {http: {requestTimeout: 1s}}\n"), {.mtls = true});
  Client::Answer answer;
  lab.play(ask_one(&lab, "/echo", &answer));
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("URI=spiffe://default/web"), std::string::npos) << answer.body;
  const FlightRow inbound = lab.last_connection(Direction::inbound);
  EXPECT_STREQ(inbound.peer_identity, "spiffe://default/web");
  EXPECT_EQ(inbound.transport, static_cast<std::uint8_t>(Transport::same_node));
  const FlightRow request = lab.last_request();
  EXPECT_EQ(request.direction, static_cast<std::uint8_t>(Direction::inbound));
  EXPECT_EQ(request.http_status, 200);
}

io::Task<void> many(HttpLab* lab, int number, int* good, int* wrong) {
  Client client(*lab, Way::same_node);
  for (int i = 0; i < 20; ++i) {
    const std::string name = "x-me: " + std::to_string(number) + "." + std::to_string(i);
    const auto answer = co_await client.ask("/echo", name + "\r\n");
    if (answer.status != 200 || !answer.whole) co_return;
    ++(answer.body.find(name + "\r\n") == std::string::npos ? *wrong : *good);
  }
}

io::Task<void> crowd(HttpLab* lab, int* good, int* wrong) {
  io::Scope clients;
  for (int i = 0; i < 40; ++i) clients.spawn(many(lab, i, good, wrong));
  co_await clients.join();
}

TEST(SameNode, NobodyGetsAnothersAnswerInAStorm) {
  int answered = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    HttpLab lab(kClientReads + at_api("MeshTimeout", "    - default: {http: {requestTimeout: 1s}}\n"),
                {.mtls = true, .seed = seed, .faults = io::SimFaults::storm()});
    int good = 0;
    int wrong = 0;
    lab.play(crowd(&lab, &good, &wrong));
    EXPECT_EQ(wrong, 0) << "seed " << seed;
    answered += good;
  }
  EXPECT_GT(answered, 1000);
}

}  // namespace
}  // namespace sluice::lab
