// What a hostile client sends to a tunnel's server, frame by frame.
#include <nghttp2/nghttp2.h>

#include <random>

#include "tests/unit/tunnel/session_pair.h"

namespace sluice::tunnel {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

// A client that says what it likes: HPACK without compression or indexing (RFC 7541 section 6.2.2), frames by
// hand.
class HostileClient {
 public:
  HostileClient() {
    const std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    raw_.append(preface);
    frame(NGHTTP2_SETTINGS, 0, 0, "");
  }
  void frame(int type, int flags, std::uint32_t stream, std::string_view body) {
    for (const int shift : {16, 8, 0}) raw_.push_back(static_cast<char>(body.size() >> shift));
    raw_.push_back(static_cast<char>(type));
    raw_.push_back(static_cast<char>(flags));
    for (const int shift : {24, 16, 8, 0}) raw_.push_back(static_cast<char>(stream >> shift));
    raw_.append(body);
  }
  void request(std::uint32_t stream, const Fields& fields, int flags = NGHTTP2_FLAG_END_HEADERS) {
    std::string block;
    for (const auto& [name, value] : fields) {
      block.push_back(0);
      text(block, name);
      text(block, value);
    }
    frame(NGHTTP2_HEADERS, flags, stream, block);
  }
  Result<> send_to(Session& server, MonoTime now = MonoTime(std::chrono::seconds(1))) {
    const auto result = server.feed(bytes_of(raw_), now);
    raw_.clear();
    return result;
  }

 private:
  // Integers with a 7-bit prefix (RFC 7541 section 5.1).
  static void text(std::string& block, std::string_view value) {
    if (value.size() < 127) {
      block.push_back(static_cast<char>(value.size()));
    } else {
      block.push_back(127);
      std::size_t rest = value.size() - 127;
      for (; rest >= 128; rest /= 128) block.push_back(static_cast<char>(rest % 128 + 128));
      block.push_back(static_cast<char>(rest));
    }
    block.append(value);
  }
  std::string raw_;
};

const Fields kGood = {
    {":method", "CONNECT"}, {":authority", "10.0.0.2:80"}, {"sluice-client", "10.0.0.1:4711"}};

Fields with(std::size_t index, const std::string& value) {
  auto fields = kGood;
  fields[index].second = value;
  return fields;
}

// The last frame of this type in what the server sends; its body.
std::optional<std::string> answered_with(Session& server, int type) {
  const auto out = server.take_output(1 << 20);
  std::optional<std::string> found;
  for (std::size_t at = 0; at + 9 <= out.size();) {
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(out[at + i]); };
    const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (byte(3) == static_cast<std::size_t>(type))
      found = std::string(reinterpret_cast<const char*>(out.data() + at + 9), size);
    at += 9 + size;
  }
  return found;
}

TEST(HostileTunnel, WellFormedRequestIsHeard) {
  Session server(Role::server, {});
  HostileClient client;
  client.request(1, kGood);
  ASSERT_TRUE(client.send_to(server));
  EXPECT_TRUE(SessionPair::next(server, Event::Kind::opened));
}

TEST(HostileTunnel, ForgedHeadersEndOnlyTheirStream) {
  const Fields bad[] = {
      with(0, "GET"),
      with(1, "10.0.0.2"),
      with(1, "10.0.0.2:0"),
      with(1, "example.org:80"),
      with(1, "0.0.0.0:80"),
      with(2, "10.0.0.1:99999"),
      with(2, ""),
      {kGood[0], kGood[1]},
      {kGood[0], kGood[1], kGood[2], kGood[2]},
      {kGood[0], kGood[1], kGood[1], kGood[2]},
      {kGood[0], kGood[2]},
      {kGood[0], {":path", "/"}, kGood[1], kGood[2]},
      {kGood[0], kGood[1], kGood[2], {"x", std::string(5000, 'a')}},
      {kGood[0], kGood[1], {"Sluice-Client", "10.0.0.1:1"}},
  };
  Session server(Role::server, {});
  HostileClient client;
  std::uint32_t stream = 1;
  for (const auto& fields : bad) {
    client.request(stream, fields);
    ASSERT_TRUE(client.send_to(server)) << stream;
    EXPECT_FALSE(SessionPair::next(server, Event::Kind::opened)) << stream;
    EXPECT_TRUE(answered_with(server, NGHTTP2_RST_STREAM)) << stream;
    stream += 2;
  }
  client.request(stream, kGood);
  ASSERT_TRUE(client.send_to(server));
  EXPECT_TRUE(SessionPair::next(server, Event::Kind::opened)) << "a neighbour must live";
  EXPECT_EQ(server.streams(), 1u);
}

void expect_goaway(Session& server, const Result<>& result) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, Reason::tunnel_protocol_error);
  EXPECT_TRUE(answered_with(server, NGHTTP2_GOAWAY));
  EXPECT_TRUE(server.closed());
}

TEST(HostileTunnel, PingFloodEndsTheSession) {
  Session server(Role::server, {});
  HostileClient client;
  for (int i = 0; i < 1100; ++i) client.frame(NGHTTP2_PING, 0, 0, "12345678");
  expect_goaway(server, client.send_to(server));
}

TEST(HostileTunnel, SettingsFloodEndsTheSession) {
  Session server(Role::server, {});
  HostileClient client;
  for (int i = 0; i < 1100; ++i) client.frame(NGHTTP2_SETTINGS, 0, 0, "");
  expect_goaway(server, client.send_to(server));
}

TEST(HostileTunnel, EmptyDataFloodEndsTheSession) {
  Session server(Role::server, {});
  HostileClient client;
  client.request(1, kGood);
  for (int i = 0; i < 1100; ++i) client.frame(NGHTTP2_DATA, 0, 1, "");
  expect_goaway(server, client.send_to(server));
}

TEST(HostileTunnel, RapidResetEndsTheSession) {
  Session server(Role::server, {});
  HostileClient client;
  Result<> result;
  for (std::uint32_t stream = 1; result && stream < 8000; stream += 2) {
    client.request(stream, kGood);
    client.frame(NGHTTP2_RST_STREAM, 0, stream, std::string_view("\0\0\0\x08", 4));
    result = client.send_to(server);
    while (const auto event = server.next_event()) server.release(event->stream);
    EXPECT_LE(server.streams(), 1u);
  }
  expect_goaway(server, result);
}

TEST(HostileTunnel, SteadyResetsAreFine) {
  Session server(Role::server, {});
  HostileClient client;
  for (std::uint32_t i = 0; i < 8000; ++i) {
    client.request(2 * i + 1, kGood);
    client.frame(NGHTTP2_RST_STREAM, 0, 2 * i + 1, std::string_view("\0\0\0\x08", 4));
    ASSERT_TRUE(client.send_to(server, MonoTime(Millis(1000 + i * 10))));
    while (const auto event = server.next_event()) server.release(event->stream);
    (void)server.take_output(1 << 16);
  }
}

TEST(HostileTunnel, EndlessHeadersEndTheSession) {
  Session server(Role::server, {});
  HostileClient client;
  client.request(1, {kGood[0], kGood[1]}, 0);
  const std::string block = std::string(1, '\0') +
                            "\x01"
                            "a"
                            "\x7f\x81\x7f" +
                            std::string(16384 - 200, 'x');
  for (int i = 0; i < 64; ++i) client.frame(NGHTTP2_CONTINUATION, 0, 1, block.substr(0, 16000));
  EXPECT_FALSE(client.send_to(server));
  EXPECT_TRUE(answered_with(server, NGHTTP2_GOAWAY));
}

TEST(HostileTunnel, MoreThanTheWindowEndsStreamOrSession) {
  Session server(Role::server, {});
  HostileClient client;
  client.request(1, kGood);
  for (int i = 0; i < 32; ++i) client.frame(NGHTTP2_DATA, 0, 1, std::string(16384, 'x'));
  (void)client.send_to(server);
  EXPECT_LE(SessionPair::read_all(server, 1).size(), SessionLimits{}.stream_window);
  EXPECT_TRUE(answered_with(server, NGHTTP2_GOAWAY) || server.failed(1));
}

TEST(HostileTunnel, GarbageEndsTheSession) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    Session server(Role::server, {});
    std::string noise(1 + random() % 4096, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    const auto result = server.feed(bytes_of(noise), MonoTime(Nanos(1)));
    EXPECT_FALSE(result);
  }
}

TEST(HostileTunnel, ServerThatOpensStreamsIsRefused) {
  Session client(Role::client, {});
  HostileClient server;
  (void)client.take_output(1 << 16);
  std::string raw;
  // A server sends no preface: SETTINGS, then a pushed stream.
  Session honest(Role::server, {});
  const auto settings = honest.take_output(1 << 16);
  ASSERT_TRUE(client.feed(settings, MonoTime(Nanos(1))));
  std::string push("\0\0\5\5\4\0\0\0\1\0\0\0\2\x88", 14);
  (void)client.feed(bytes_of(push), MonoTime(Nanos(1)));
  EXPECT_TRUE(answered_with(client, NGHTTP2_GOAWAY));
}

}  // namespace
}  // namespace sluice::tunnel
