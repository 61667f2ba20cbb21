// No answer is ever delivered to another's request. Every request carries a token that its answer must carry,
// in its head and all through its body, while the application does everything that could mix answers up: it
// answers twice, late, before it has read, to more or less bytes than it says, or breaks off; the network
// loses connections; the policy gives up and tries again.
//
// One thing no client of HTTP/1.1 can tell: what an application says unasked while the next request is on its
// way already goes for the answer to it. So answers with something behind them are played where the two
// arrive together, on a network without delays.
#include <iostream>
#include <random>
#include <string>

#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

struct Story {
  std::mt19937_64 random;
  int connections = 0;
  int requests = 0;  // that the application has seen
  int reused = 0;    // on a connection that had carried one before
  int asked = 0;     // by clients
  int right = 0;     // whole answers with their own token
  int refused = 0;   // by the proxy
  int cut = 0;       // answers that broke off, or none
  int strays = 0;    // bytes that nobody had asked for
  bool may_stray = false;
  std::string wrong;  // the first answer that was somebody else's
};

std::string header(const std::string& head, std::string_view name) {
  const std::size_t at = head.find("\r\n" + std::string(name) + ": ");
  if (at == std::string::npos) return "";
  const std::size_t from = at + name.size() + 4;
  return head.substr(from, head.find("\r\n", from) - from);
}

std::string repeated(const std::string& token, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += token + ",";
  return out;
}

std::string counted(const std::string& token, const std::string& body, std::size_t said) {
  return "HTTP/1.1 200 OK\r\nx-token: " + token + "\r\ncontent-length: " + std::to_string(said) + "\r\n\r\n" +
         body;
}

std::string chunked(const std::string& token, const std::string& body) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", body.size());
  return "HTTP/1.1 200 OK\r\nx-token: " + token + "\r\ntransfer-encoding: chunked\r\n\r\n" + size + body +
         "\r\n0\r\n\r\n";
}

// One connection of the application's.
struct Play {
  io::Ring* ring;
  io::Socket* socket;
  Story* story;
  std::string received;

  io::Task<bool> more() {
    const auto part = co_await socket->recv();
    if (!part || part->empty()) co_return false;
    received.append(reinterpret_cast<const char*>(part->bytes().data()), part->size());
    co_return true;
  }
  io::Task<bool> take(std::size_t bytes) {
    while (received.size() < bytes)
      if (!co_await more()) co_return false;
    received.erase(0, bytes);
    co_return true;
  }
  io::Task<bool> say(std::string text) {
    co_return (co_await socket->send(std::as_bytes(std::span(text)))).has_value();
  }
  unsigned draw(unsigned below) const { return static_cast<unsigned>(story->random() % below); }
  io::Task<bool> pause(unsigned ms_max) {
    co_return (co_await ring->sleep_for(Millis(draw(ms_max)))).has_value();
  }
  std::string stray() const {
    ++story->strays;
    return counted("stray", "stray,stray,", 12);
  }
  io::Task<bool> answer(std::string token, std::size_t unread);
  io::Task<bool> misbehave(std::string token, std::size_t unread);
};

// True when the connection goes on. `unread`: bytes of the request's body that are still to come.
io::Task<bool> Play::answer(std::string token, std::size_t unread) {
  if (draw(3) == 0) co_return co_await misbehave(token, unread);
  const std::string body = repeated(token, draw(2000));
  if (draw(10) == 0 && !co_await say("HTTP/1.1 103 Early\r\nx-token: " + token + "\r\n\r\n")) co_return false;
  if (draw(4) != 0 && unread > 0) {
    if (!co_await take(unread)) co_return false;
    unread = 0;
  }
  if (draw(3) == 0 && !co_await pause(300)) co_return false;
  if (!co_await say(draw(2) == 0 ? chunked(token, body) : counted(token, body, body.size()))) co_return false;
  co_return unread == 0 || co_await take(unread);
}

io::Task<bool> Play::misbehave(std::string token, std::size_t unread) {
  const std::string body = repeated(token, 1 + draw(200));
  switch (story->may_stray ? draw(8) : 2 + draw(6)) {
    case 0:  // twice at once
      co_return co_await say(counted(token, body, body.size()) + stray()) && co_await take(unread);
    case 1:  // more than it says
      co_return co_await say(counted(token, body + stray(), body.size())) && co_await take(unread);
    case 2:  // less than it says, then what would fill it up
      if (!co_await say(counted(token, body, body.size() + 12)) || !co_await pause(2000)) co_return false;
      co_return co_await take(unread);
    case 3:  // breaks off
      co_await say(chunked(token, body).substr(0, 40 + draw(100)));
      co_return false;
    case 4:  // never
      (void)co_await pause(4000);
      co_return false;
    case 5:  // two lengths
      co_return co_await say("HTTP/1.1 200 OK\r\nx-token: " + token +
                             "\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd");
    case 6:  // a failure, which is tried again
      co_return co_await say("HTTP/1.1 503 No\r\nx-token: " + token + "\r\ncontent-length: 0\r\n\r\n") &&
          co_await take(unread);
    default:  // late, perhaps after everybody has given up
      if (!co_await pause(3000)) co_return false;
      co_return co_await say(counted(token, body, body.size())) && co_await take(unread);
  }
}

io::Task<void> play(io::Ring* ring, io::Socket* socket, void* context) {
  auto* story = static_cast<Story*>(context);
  ++story->connections;
  Play one{ring, socket, story, {}};
  for (int number = 0;; ++number) {
    std::size_t end = 0;
    while ((end = one.received.find("\r\n\r\n")) == std::string::npos)
      if (!co_await one.more()) co_return;
    const std::string head = one.received.substr(0, end + 4);
    one.received.erase(0, end + 4);
    ++story->requests;
    story->reused += number > 0 ? 1 : 0;
    const std::string length = header(head, "content-length");
    const std::size_t unread = length.empty() ? 0 : std::strtoul(length.c_str(), nullptr, 10);
    if (!co_await one.answer(header(head, "x-token"), unread)) co_return;
  }
}

void judge(Story* story, const std::string& token, const Client::Answer& answer) {
  const std::string said = answer.field("x-token");
  if (answer.status != 200) {
    ++(answer.status == 0 ? story->cut : story->refused);
    if (said.empty() || said == token) return;
  }
  const std::string want = repeated(token, answer.body.size() / (token.size() + 1) + 1);
  const bool own = said == token && want.starts_with(answer.body);
  if (!own && story->wrong.empty())
    story->wrong = token + " got: " + answer.head + answer.body.substr(0, 200);
  if (answer.status == 200) ++(answer.whole ? story->right : story->cut);
}

io::Task<void> client(HttpLab* lab, Way way, int number, Story* story) {
  std::optional<Client> connection;
  for (int i = 0; i < 25; ++i) {
    if (!connection) connection.emplace(*lab, way);
    const std::string token = "t" + std::to_string(number) + "-" + std::to_string(i);
    const std::string body = story->random() % 2 == 0 ? "" : repeated("b" + token, story->random() % 3000);
    ++story->asked;
    auto answer = co_await connection->ask("/" + token, "x-token: " + token + "\r\n", body);
    while (answer.status / 100 == 1) answer = co_await connection->read_answer();
    judge(story, token, answer);
    if (!answer.whole || answer.field("connection") == "close") connection.reset();
    if (story->random() % 4 == 0) (void)co_await lab->ring().sleep_for(Millis(story->random() % 200));
  }
}

io::Task<void> clients(HttpLab* lab, Way way, Story* story) {
  io::Scope all;
  for (int number = 0; number < 6; ++number) all.spawn(client(lab, way, number, story));
  co_await all.join();
}

const std::string& policies() {
  static const std::string text =
      towards("MeshTimeout", "far", "{http: {requestTimeout: 2s}}") +
      towards("MeshRetry", "far",
              "{http: {numRetries: 2, perTryTimeout: 1s, retryOn: [5xx, Reset, ConnectFailure],"
              " backOff: {baseInterval: 5ms, maxInterval: 20ms}}}") +
      at_api("MeshTimeout", "    - default: {http: {requestTimeout: 1s}}\n");
  return text;
}

void run(Way way, std::uint64_t seeds, const io::SimFaults& faults, bool may_stray) {
  const std::uint64_t first = io::sim_seed(1);
  Story sum;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    SCOPED_TRACE("SLUICE_SEED=" + std::to_string(seed));
    Story story;
    story.random.seed(seed);
    story.may_stray = may_stray;
    HttpLab lab(policies(), {.seed = seed, .faults = faults});
    lab.application().player = play;
    lab.application().player_context = &story;
    lab.play(clients(&lab, way, &story));
    ASSERT_EQ("", story.wrong);
    sum.connections += story.connections;
    sum.requests += story.requests;
    sum.reused += story.reused;
    sum.asked += story.asked;
    sum.right += story.right;
    sum.refused += story.refused;
    sum.cut += story.cut;
    sum.strays += story.strays;
  }
  std::cout << seeds << " seeds: " << sum.asked << " asked, " << sum.right << " right, " << sum.refused
            << " refused, " << sum.cut << " cut short; the application saw " << sum.requests << " on "
            << sum.connections << " connections, " << sum.reused << " on used ones, and said " << sum.strays
            << " things unasked\n";
  // It was worth the name.
  EXPECT_GT(sum.right, sum.asked / 3);
  EXPECT_GT(sum.reused, sum.requests / 5);
  EXPECT_EQ(may_stray, sum.strays > sum.asked / 50);
  EXPECT_GT(sum.cut, 0);
}

constexpr std::uint64_t kSeeds = 60;

TEST(Ownership, OutboundOnAQuietNetwork) {
  run(Way::outbound, kSeeds, {}, true);
}
TEST(Ownership, OutboundInAStorm) {
  run(Way::outbound, kSeeds, io::SimFaults::storm(), false);
}
TEST(Ownership, InboundInAStorm) {
  run(Way::inbound, kSeeds, io::SimFaults::storm(), false);
}

}  // namespace
}  // namespace sluice::lab
