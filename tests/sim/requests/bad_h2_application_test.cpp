// Applications that speak HTTP/2 and break its rules, and HTTP/2 clients that never read: what the client
// sees, the reason in the log, and that memory stays bounded.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "tests/sim/codec/h2_frames.h"
#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;
using namespace codec::frames;

constexpr std::size_t kMuch = std::size_t{64} << 20;

struct Deed {
  std::string says{};         // once a request's head has arrived
  Nanos between{};            // each byte of it
  bool closes = true;         // afterwards
  std::string again{};        // said again and again, until kMuch is out
  std::size_t delivered = 0;  // of that, as far as the kernel took it
  std::string later{};        // once a second request's head has arrived
};

int heads_in(std::string_view received) {
  if (received.size() < preface().size()) return 0;
  const auto all = parse(received.substr(preface().size()));
  return static_cast<int>(std::ranges::count(all, kHeaders, &Frame::type));
}

io::Task<bool> say(io::Socket* socket, std::string text) {
  co_return (co_await socket->send(std::as_bytes(std::span(text)))).has_value();
}

io::Task<void> do_deed(io::Ring* ring, io::Socket* socket, void* context) {
  auto* deed = static_cast<Deed*>(context);
  std::string received;
  while (heads_in(received) == 0) {
    const auto part = co_await socket->recv();
    if (!part || part->empty()) co_return;
    received.append(reinterpret_cast<const char*>(part->bytes().data()), part->size());
  }
  if (deed->between == Nanos::zero()) {
    if (!co_await say(socket, deed->says)) co_return;
  } else {
    for (const char byte : deed->says) {
      if (!co_await say(socket, std::string(1, byte)) || !co_await ring->sleep_for(deed->between)) co_return;
    }
  }
  std::string block;
  while (!deed->again.empty() && block.size() < 60'000) block += deed->again;
  while (!block.empty() && deed->delivered < kMuch) {
    if (!co_await say(socket, block)) co_return;
    deed->delivered += block.size();
  }
  while (!deed->closes) {
    const auto part = co_await socket->recv();
    if (!part || part->empty()) co_return;
    received.append(reinterpret_cast<const char*>(part->bytes().data()), part->size());
    if (heads_in(received) == 2 && !deed->later.empty())
      (void)co_await say(socket, std::exchange(deed->later, {}));
  }
}

struct Seen {
  Client::Answer first;
  Client::Answer second;  // on a connection of its own
};

io::Task<void> ask_once(HttpLab* lab, Seen* seen, std::string body) {
  Client client(*lab, Way::outbound);
  seen->first = co_await client.ask("/first", {}, body);
}

io::Task<void> ask_twice(HttpLab* lab, Seen* seen, std::string body) {
  co_await ask_once(lab, seen, std::move(body));
  (void)co_await lab->ring().sleep_for(Millis(50));
  Client client(*lab, Way::outbound);
  seen->second = co_await client.ask("/second");
}

std::string head(const Fields& more = {}, bool ends = false, const std::string& status = "200") {
  return frame(kHeaders, static_cast<std::uint8_t>(kEndHeaders | (ends ? kEndStream : 0)), 1,
               block(with({{":status", status}}, more)));
}

class BadHttp2Application : public testing::Test {
 protected:
  void play(Deed& deed, Seen& seen, io::Task<void> (*questions)(HttpLab*, Seen*, std::string),
            const std::string& body = "") {
    lab_.emplace(towards("MeshTimeout", "far", "{http: {requestTimeout: 5s, streamIdleTimeout: 20s}}"),
                 LabOptions{.protocol = "http2"});
    lab_->application().player = do_deed;
    lab_->application().player_context = &deed;
    lab_->play(questions(&*lab_, &seen, body));
  }
  Client::Answer ask(Deed& deed, const std::string& body = "") {
    Seen seen;
    play(deed, seen, ask_once, body);
    return seen.first;
  }
  Reason reason() const { return static_cast<Reason>(lab_->last_request().reason); }
  std::optional<HttpLab> lab_;
};

TEST_F(BadHttp2Application, AnswersBeforeItReads) {
  for (const std::string& after : {std::string(), frame(kRst, 0, 1, number(kNoError, 4))}) {
    Deed deed{.says = settings() + head() + data(1, "good", true) + after};
    const auto answer = ask(deed, std::string(1 << 20, 'b'));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "good");
  }
}

TEST_F(BadHttp2Application, ClosesWithoutAnAnswer) {
  for (const std::string& says : {std::string(), settings()}) {
    Deed deed{.says = says};
    EXPECT_EQ(ask(deed).status, 503);
    EXPECT_EQ(reason(), Reason::upstream_reset);
  }
}

TEST_F(BadHttp2Application, BreaksOffInItsBody) {
  for (const std::string& end :
       {std::string(), frame(kRst, 0, 1, number(2, 4)), frame(kGoaway, 0, 0, number(1, 4) + number(2, 4))}) {
    Deed deed{.says = settings() + head({{"content-length", "9"}}) + data(1, "half") + end};
    const auto answer = ask(deed);
    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(answer.whole) << "a client must see that something is missing";
    EXPECT_EQ(reason(), Reason::upstream_reset);
  }
}

TEST_F(BadHttp2Application, LiesAboutLengths) {
  for (const std::string& says :
       {head({{"content-length", "3"}}) + data(1, "good", true),
        head({{"content-length", "9"}}) + data(1, "good", true), head({{"content-length", "9"}}, true),
        head({{"content-length", "4"}, {"content-length", "3"}}) + data(1, "good", true),
        head({{"content-length", "-4"}}) + data(1, "good", true)}) {
    Deed deed{.says = settings() + says, .closes = false};
    const auto answer = ask(deed);
    EXPECT_TRUE(answer.status == 502 || !answer.whole) << answer.status << answer.body;
    EXPECT_EQ(reason(), Reason::http_protocol_error) << reason_info(reason()).word;
  }
}

TEST_F(BadHttp2Application, SaysMoreAfterItsEnd) {
  const std::string more = data(1, "evil", true);
  Deed deed{.says = settings() + head() + data(1, "good", true) + more, .closes = false};
  deed.later = more + frame(kHeaders, kEndHeaders, 3, block({{":status", "200"}})) + more +
               data(3, "fine", true) + more;
  Seen seen;
  play(deed, seen, ask_twice);
  EXPECT_EQ(seen.first.body, "good");
  EXPECT_EQ(seen.second.body, "fine");
}

TEST_F(BadHttp2Application, AnswersWhatNobodyAsked) {
  Deed deed{.says = settings() + frame(kHeaders, kEndHeaders | kEndStream, 3, block({{":status", "200"}})),
            .closes = false};
  EXPECT_EQ(ask(deed).status, 502);
  EXPECT_EQ(reason(), Reason::http_protocol_error) << reason_info(reason()).word;
}

TEST_F(BadHttp2Application, HasAHeadThatIsNone) {
  for (const Fields& fields :
       {Fields{}, Fields{{":status", "20"}}, Fields{{":status", "200"}, {":status", "200"}},
        Fields{{":status", "200"}, {"Upper", "case"}}, Fields{{":status", "200"}, {"connection", "close"}},
        Fields{{":status", "200"}, {"a", "b\r\nc: d"}}, Fields{{"a", "b"}, {":status", "200"}},
        Fields{{":status", "101"}}}) {
    Deed deed{.says = settings() + frame(kHeaders, kEndHeaders | kEndStream, 1, block(fields)),
              .closes = false};
    EXPECT_EQ(ask(deed).status, 502) << block(fields);
    EXPECT_EQ(reason(), Reason::http_protocol_error) << block(fields) << reason_info(reason()).word;
  }
}

TEST_F(BadHttp2Application, SpeaksNoHttp2) {
  for (const std::string& says : {std::string("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"),
                                  std::string("SSH-2.0-OpenSSH_9.2\r\n"), std::string(300, 'z')}) {
    Deed deed{.says = says, .closes = false};
    EXPECT_EQ(ask(deed).status, 502) << says;
    EXPECT_EQ(reason(), Reason::http_protocol_error) << says << reason_info(reason()).word;
  }
}

TEST_F(BadHttp2Application, TricklesItsHead) {
  Deed deed{.says = settings() + head() + data(1, "good", true), .between = 1s};
  const auto answer = ask(deed);
  EXPECT_EQ(answer.status, 504);
  EXPECT_EQ(reason(), Reason::request_timeout);
  EXPECT_GE(answer.took, 5s);
  EXPECT_LT(answer.took, 5100ms);
}

TEST_F(BadHttp2Application, TricklesItsBody) {
  Deed deed{.says = settings() + head() + data(1, std::string(200, 't'), true), .between = 50ms};
  const auto answer = ask(deed);
  EXPECT_FALSE(answer.whole);
  EXPECT_EQ(reason(), Reason::request_timeout);
}

// What is said without an end: it must not be taken for ever, and no memory may grow with it.
TEST_F(BadHttp2Application, IsStoppedWhenItFloods) {
  struct Flood {
    const char* name;
    std::string first;
    std::string again;
  };
  const std::string piece = block({{"x", std::string(500, 'y')}});
  for (const Flood& flood :
       {Flood{"continuation", frame(kHeaders, 0, 1, block({{":status", "200"}})),
              frame(kContinuation, 0, 1, piece)},
        Flood{"settings", "", settings(setting(3, 100))}, Flood{"ping", "", frame(kPing, 0, 0, "12345678")},
        Flood{"empty data", head(), data(1, "")}}) {
    Deed deed{.says = settings() + flood.first, .again = flood.again};
    const auto answer = ask(deed);
    EXPECT_FALSE(answer.whole && answer.status == 200) << flood.name;
    EXPECT_LT(deed.delivered, std::size_t{4} << 20)
        << flood.name << " " << answer.status << " " << reason_info(reason()).word;
  }
}

io::Task<void> ask_and_read_on(HttpLab* lab, Seen* seen, std::string) {
  Client client(*lab, Way::outbound);
  co_await client.send("GET / HTTP/1.1\r\nhost: lab\r\n\r\n");
  seen->first.body = co_await client.raw(kMuch);
}

TEST_F(BadHttp2Application, InterimAnswersWithoutEnd) {
  Deed deed{.says = settings(), .again = head({}, false, "103")};
  Seen seen;
  play(deed, seen, ask_and_read_on);
  EXPECT_NE(seen.first.body.find("HTTP/1.1 502"), std::string::npos);
  EXPECT_EQ(reason(), Reason::http_protocol_error);
}

// --- clients of HTTP/2 that never read

struct H1Deed {
  std::size_t delivered = 0;
};

io::Task<void> answer_without_end(io::Ring*, io::Socket* socket, void* context) {
  auto* deed = static_cast<H1Deed*>(context);
  (void)co_await socket->recv();
  (void)co_await say(socket, "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(kMuch) + "\r\n\r\n");
  const std::string block(64 * 1024, 'e');
  while (deed->delivered < kMuch && co_await say(socket, block)) deed->delivered += block.size();
}

io::Task<void> never_read(HttpLab* lab, std::string says, H1Deed* deed, std::size_t* early) {
  Client client(*lab, Way::outbound);
  co_await client.send(preface() + says);
  (void)co_await lab->ring().sleep_for(2s);
  *early = deed->delivered;
  (void)co_await lab->ring().sleep_for(10s);
}

TEST(Http2ClientThatNeverReads, StopsTheApplication) {
  const std::string open_windows =
      settings(setting(4, 0x7fffffff)) + frame(kWindow, 0, 0, number(0x7fff0000, 4));
  for (const std::string& windows : {settings(), open_windows}) {
    HttpLab lab(towards("MeshTimeout", "far", "{http: {requestTimeout: 60s, streamIdleTimeout: 3s}}"));
    H1Deed deed;
    lab.application().player = answer_without_end;
    lab.application().player_context = &deed;
    std::size_t early = 0;
    lab.play(never_read(&lab, windows + request(1), &deed, &early));
    EXPECT_LT(early, std::size_t{2} << 20) << "what is not read must stay where it came from";
    EXPECT_EQ(early, deed.delivered);
    EXPECT_EQ(lab.last_request().reason, static_cast<std::uint8_t>(Reason::stream_idle_timeout));
  }
}

}  // namespace
}  // namespace sluice::lab
