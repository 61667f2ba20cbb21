// Applications that break the rules, and a client that never reads: what the client sees, the reason in the
// log, and that memory stays bounded.
#include <chrono>
#include <string>

#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

struct Deed {
  std::string says{};         // once the head has arrived
  Nanos between{};            // each byte of it
  bool reads_body = false;    // first
  bool closes = true;         // afterwards
  std::size_t endless = 0;    // bytes that follow
  std::size_t delivered = 0;  // of what was said, as far as the kernel took it
  int heads = 0;
};

io::Task<void> do_deed(io::Ring* ring, io::Socket* socket, void* context) {
  auto* deed = static_cast<Deed*>(context);
  std::string received;
  while (received.find("\r\n\r\n") == std::string::npos || (deed->reads_body && received.size() < 100'000)) {
    const auto part = co_await socket->recv();
    if (!part || part->empty()) co_return;
    received.append(reinterpret_cast<const char*>(part->bytes().data()), part->size());
  }
  ++deed->heads;
  if (deed->between == Nanos::zero()) {
    if (!co_await socket->send(std::as_bytes(std::span(deed->says)))) co_return;
  } else {
    for (const char& byte : deed->says) {
      if (!co_await socket->send(std::as_bytes(std::span(&byte, 1)))) co_return;
      if (!co_await ring->sleep_for(deed->between)) co_return;
    }
  }
  const std::string block(64 * 1024, 'e');
  while (deed->delivered < deed->endless) {
    if (!co_await socket->send(std::as_bytes(std::span(block)))) co_return;
    deed->delivered += block.size();
  }
  if (!deed->closes) (void)co_await socket->recv();
}

struct Seen {
  Client::Answer first;
  Client::Answer second;  // on a connection of its own
};

io::Task<void> ask_twice(HttpLab* lab, Seen* seen, std::string body) {
  {
    Client client(*lab, Way::outbound);
    seen->first = co_await client.ask("/first", {}, body);
  }
  (void)co_await lab->ring().sleep_for(Millis(50));
  Client client(*lab, Way::outbound);
  seen->second = co_await client.ask("/second");
}

class BadApplication : public testing::Test {
 protected:
  Client::Answer ask(Deed& deed, const std::string& body = "") {
    lab_.emplace(towards("MeshTimeout", "far", "{http: {requestTimeout: 5s, streamIdleTimeout: 20s}}"));
    lab_->application().player = do_deed;
    lab_->application().player_context = &deed;
    Seen seen;
    lab_->play(ask_twice(&*lab_, &seen, body));
    return seen.first;
  }
  Reason reason() const { return static_cast<Reason>(lab_->last_request().reason); }
  std::optional<HttpLab> lab_;
};

const std::string kGood = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood";

TEST_F(BadApplication, AnswersBeforeItReads) {
  Deed deed{.says = kGood};
  const auto answer = ask(deed, std::string(1 << 20, 'b'));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "good");
}

TEST_F(BadApplication, ClosesWithoutAnAnswer) {
  Deed deed;
  EXPECT_EQ(ask(deed).status, 503);
  EXPECT_EQ(reason(), Reason::upstream_reset);
}

TEST_F(BadApplication, ClosesInItsHead) {
  Deed deed{.says = "HTTP/1.1 200 OK\r\ncontent-le"};
  EXPECT_EQ(ask(deed).status, 503);
  EXPECT_EQ(reason(), Reason::upstream_reset);
}

TEST_F(BadApplication, ClosesInItsBody) {
  for (const char* says : {"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
                           "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"}) {
    Deed deed{.says = says};
    const auto answer = ask(deed);
    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(answer.whole) << "a client must see that something is missing";
    EXPECT_EQ(reason(), Reason::upstream_reset);
  }
}

TEST_F(BadApplication, SaysMoreAfterItsEnd) {
  for (const std::string more : {"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", "junk"}) {
    Deed deed{.says = kGood + more, .closes = false};
    const auto answer = ask(deed);
    EXPECT_EQ(answer.body, "good");
    EXPECT_EQ(deed.heads, 2) << "the second request needs a connection of its own";
  }
}

TEST_F(BadApplication, SaysMoreAfterItSaidThatItWouldClose) {
  Deed deed{.says = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\ngood" + kGood,
            .closes = false};
  EXPECT_EQ(ask(deed).body, "good");
  EXPECT_EQ(deed.heads, 2);
}

TEST_F(BadApplication, LiesAboutLengths) {
  for (const char* says :
       {"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -4\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\ncontent-length: 4x\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked, x\r\n\r\n4\r\ngood\r\n0\r\n\r\n"}) {
    Deed deed{.says = says};
    EXPECT_EQ(ask(deed).status, 502) << says;
    EXPECT_EQ(reason(), Reason::http_protocol_error) << says;
  }
}

TEST_F(BadApplication, LiesInItsChunks) {
  for (const char* chunk :
       {"4x\r\ngood", "ffffffffffffffffff\r\ngood", "3\r\ngood\r\n0\r\n\r\n", "-4\r\ngood"}) {
    Deed deed{.says = std::string("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n") + chunk,
              .closes = false};
    const auto answer = ask(deed);
    EXPECT_FALSE(answer.whole) << chunk;
    EXPECT_EQ(reason(), Reason::http_protocol_error) << chunk;
  }
}

TEST_F(BadApplication, SpeaksNoHttp) {
  for (const std::string& says :
       {std::string("SSH-2.0-OpenSSH_9.2\r\n"), std::string("HTTP/1.1 20 OK\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\na b: c\r\n\r\n"), std::string(300, 'z')}) {
    Deed deed{.says = says, .closes = false};
    EXPECT_EQ(ask(deed).status, 502) << says;
    EXPECT_EQ(reason(), Reason::http_protocol_error) << says;
  }
}

TEST_F(BadApplication, HasAHeadWithoutEnd) {
  Deed deed{.says = "HTTP/1.1 200 OK\r\nx: ", .endless = std::size_t{64} << 20};
  EXPECT_EQ(ask(deed).status, 502);
  EXPECT_LT(deed.delivered, std::size_t{2} << 20);
}

TEST_F(BadApplication, TricklesItsHead) {
  Deed deed{.says = kGood, .between = 1s};
  const auto answer = ask(deed);
  EXPECT_EQ(answer.status, 504);
  EXPECT_EQ(reason(), Reason::request_timeout);
  EXPECT_GE(answer.took, 5s);
  EXPECT_LT(answer.took, 5100ms);
}

TEST_F(BadApplication, TricklesItsBody) {
  Deed deed{.says = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + std::string(100, 't'),
            .between = 90ms};
  const auto answer = ask(deed);
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.whole);
  EXPECT_EQ(reason(), Reason::request_timeout);
}

TEST_F(BadApplication, InterimAnswersWithoutEnd) {
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "HTTP/1.1 103 Hints\r\nx: y\r\n\r\n";
  Deed deed{.says = many};
  const auto answer = ask(deed);
  EXPECT_NE(answer.status, 200);
}

// --- the client

io::Task<void> never_read(HttpLab* lab, Deed* deed, std::size_t* delivered_early) {
  Client client(*lab, Way::outbound);
  co_await client.send("GET /much HTTP/1.1\r\nhost: lab\r\n\r\n");
  (void)co_await lab->ring().sleep_for(2s);
  *delivered_early = deed->delivered;
  (void)co_await lab->ring().sleep_for(10s);
}

TEST_F(BadApplication, AClientThatNeverReadsStopsTheApplication) {
  constexpr std::size_t kMuch = std::size_t{64} << 20;
  Deed deed{.says = "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(kMuch) + "\r\n\r\n",
            .endless = kMuch};
  lab_.emplace(towards("MeshTimeout", "far", "{http: {requestTimeout: 60s, streamIdleTimeout: 3s}}"));
  lab_->application().player = do_deed;
  lab_->application().player_context = &deed;
  std::size_t early = 0;
  lab_->play(never_read(&*lab_, &deed, &early));
  EXPECT_LT(early, std::size_t{2} << 20) << "what is not read must stay where it came from";
  EXPECT_EQ(early, deed.delivered);
  EXPECT_EQ(reason(), Reason::stream_idle_timeout);
}

}  // namespace
}  // namespace sluice::lab
