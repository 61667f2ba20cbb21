// Records: two ends joined in memory, every way of cutting the bytes, and what a hostile peer may send.
#include "tls/records.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <random>
#include <string>

#include "tests/support/heap.h"

namespace sluice::tls {
namespace {

constexpr std::array<std::byte, 48> kUp{std::byte{1}};
constexpr std::array<std::byte, 48> kDown{std::byte{2}};

struct Pair {
  std::unique_ptr<Records> client;
  std::unique_ptr<Records> server;
};

Pair pair_of(Suite suite, AeadHome client_home = AeadHome::best, AeadHome server_home = AeadHome::best) {
  const auto size = suite == Suite::aes_256_gcm ? 48u : 32u;
  const auto up = std::span(kUp).first(size);
  const auto down = std::span(kDown).first(size);
  return {Records::make({suite, down, up, 0, Origin::upstream, client_home}, nullptr),
          Records::make({suite, up, down, 0, Origin::downstream, server_home}, nullptr)};
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(const Result<io::Chunk>& chunk) {
  if (!chunk) return std::string("error at ") + chunk.error().step;
  return {reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size()};
}

std::string random_text(std::mt19937& random, std::size_t size) {
  std::string text(size, '\0');
  for (auto& c : text) c = static_cast<char>(random());
  return text;
}

class RecordsOf : public testing::TestWithParam<Suite> {};

TEST_P(RecordsOf, BothHomesOfTheCipherUnderstandEachOther) {
  for (const auto home : {AeadHome::best, AeadHome::evp}) {
    auto ends = pair_of(GetParam(), home, AeadHome::evp);
    ASSERT_TRUE(ends.client && ends.server);
    EXPECT_EQ(text_of(ends.server->open(ends.client->seal(bytes_of("question")))), "question");
    EXPECT_EQ(text_of(ends.client->open(ends.server->seal(bytes_of("answer")))), "answer");
  }
}

// Whoever rests goes on where it was, in the middle of a record too, and after new keys.
TEST_P(RecordsOf, GoOnAfterEveryRest) {
  auto ends = pair_of(GetParam());
  const std::string text(50'000, 't');
  for (int round = 0; round < 5; ++round) {
    ends.client->rest();
    auto sealed = ends.client->seal(bytes_of(text));
    std::string heard;
    for (std::size_t at = 0; at < sealed.size(); at += 1000) {
      ends.server->rest();
      heard += text_of(ends.server->open(
          io::Chunk::copy_of(sealed.bytes().subspan(at, std::min<std::size_t>(1000, sealed.size() - at)))));
    }
    EXPECT_EQ(heard, text);
    ends.server->rest();
    EXPECT_EQ(text_of(ends.client->open(ends.server->seal(bytes_of("heard")))), "heard");
  }
  ends.client->rest();
  ends.server->rest();
  EXPECT_EQ(text_of(ends.server->open(ends.client->seal_close())), "");
  EXPECT_TRUE(ends.server->peer_closed());
}

TEST(Records, AtRestHoldNoCipher) {
  constexpr std::size_t kMany = 100;  // the allocator keeps a few blocks for itself
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < kMany; ++i) pairs.push_back(pair_of(Suite::aes_128_gcm));
  const auto awake = test::heap_in_use();
  for (auto& pair : pairs) {
    pair.client->rest();
    pair.server->rest();
  }
  EXPECT_GT(awake, test::heap_in_use() + 2 * kMany * 1024);
}

// Of the pages that are mapped from `library`, in KiB (proc(5), smaps).
std::size_t resident_kib(const std::string& library) {
  std::ifstream maps("/proc/self/smaps");
  std::size_t sum = 0;
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    const auto word = line.substr(0, line.find(' '));
    if (word.find('-') != std::string::npos) inside = line.find(library) != std::string::npos;
    if (inside && word == "Rss:") sum += std::stoul(line.substr(word.size()));
  }
  return sum;
}

TEST(Records, KeepLittleOfTheCipherLibrarysCodeInMemory) {
  auto ends = pair_of(Suite::aes_128_gcm);
  EXPECT_EQ(text_of(ends.server->open(ends.client->seal(bytes_of("in use")))), "in use");
  EXPECT_GT(resident_kib("libc.so"), 0U);
  EXPECT_LT(resident_kib("libIPSec_MB"), 1024U);  // testing itself it has had 3 MiB
}

TEST_P(RecordsOf, BytesArriveHoweverTheyAreCut) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  auto ends = pair_of(GetParam());
  std::string sent;
  std::string wire;
  for (int i = 0; i < 40; ++i) {
    const auto text = random_text(random, 1 + random() % (i % 4 == 0 ? 70'000 : 300));
    sent += text;
    wire += text_of(ends.client->seal(bytes_of(text)));
  }
  wire += text_of(ends.client->seal_close());
  std::string got;
  for (std::size_t at = 0; at < wire.size();) {
    const auto size =
        std::min<std::size_t>(wire.size() - at, 1 + random() % (random() % 2 == 0 ? 30'000 : 40));
    const auto plain = ends.server->open(io::Chunk::copy_of(bytes_of(wire).subspan(at, size)));
    ASSERT_TRUE(plain);
    got += text_of(plain);
    at += size;
  }
  EXPECT_EQ(got, sent);
  EXPECT_TRUE(ends.server->peer_closed());
  EXPECT_FALSE(ends.server->failure());
}

INSTANTIATE_TEST_SUITE_P(Suites, RecordsOf,
                         testing::Values(Suite::aes_128_gcm, Suite::aes_256_gcm, Suite::chacha20_poly1305));

TEST(Records, AForgedRecordEndsTheConnectionAndTellsThePeer) {
  auto ends = pair_of(Suite::aes_128_gcm);
  auto good = text_of(ends.client->seal(bytes_of("good")));
  auto forged = text_of(ends.client->seal(bytes_of("forged")));
  forged[7] = static_cast<char>(forged[7] ^ 1);
  EXPECT_EQ(text_of(ends.server->open(io::Chunk::copy_of(bytes_of(good + forged)))), "good");
  ASSERT_TRUE(ends.server->failure());
  EXPECT_EQ(ends.server->failure()->reason, Reason::tls_protocol_error);
  EXPECT_FALSE(ends.server->open({}));
  ASSERT_TRUE(ends.server->has_notice());
  EXPECT_FALSE(ends.client->open(ends.server->seal({})));
  EXPECT_EQ(ends.client->failure()->reason, Reason::tls_handshake_failed);
  EXPECT_TRUE(ends.server->seal(bytes_of("more")).empty());
}

TEST(Records, ARepeatedRecordIsForged) {
  auto ends = pair_of(Suite::aes_128_gcm);
  const auto once = text_of(ends.client->seal(bytes_of("pay")));
  EXPECT_EQ(text_of(ends.server->open(io::Chunk::copy_of(bytes_of(once)))), "pay");
  EXPECT_FALSE(ends.server->open(io::Chunk::copy_of(bytes_of(once))));
}

TEST(Records, HeadersThatNoRecordHasAreRefusedBeforeTheirBodyComes) {
  for (const auto& header :
       {std::string("\x16\x03\x03\x00\x40", 5), std::string("\x14\x03\x03\x00\x01", 5),
        std::string("\x17\x03\x03\x41\x01", 5), std::string("\x17\x03\x03\x00\x10", 5)}) {
    auto ends = pair_of(Suite::aes_128_gcm);
    EXPECT_FALSE(ends.server->open(io::Chunk::copy_of(bytes_of(header))));
    EXPECT_TRUE(ends.server->has_notice());
  }
}

// What the peer may write besides data, made with the same keys by hand.
class Peer {
 public:
  explicit Peer(std::span<const std::byte> secret)
      : secret_(Suite::aes_128_gcm, secret.first(32)), key_(secret_.key(AeadHome::evp)) {}

  io::Chunk record(std::uint8_t type, const std::string& content) {
    const auto body = content.size() + 1 + kTagSize;
    io::Chunk out = io::Chunk::heap(5 + body);
    const std::array<std::byte, 5> header{std::byte{23}, std::byte{3}, std::byte{3},
                                          static_cast<std::byte>(body >> 8), static_cast<std::byte>(body)};
    std::copy(header.begin(), header.end(), out.writable().begin());
    Nonce nonce = key_.iv;
    nonce.back() ^= static_cast<std::byte>(sequence_++);
    key_.cipher->seal(nonce, header, bytes_of(content), std::byte{type}, out.writable().data() + 5);
    return out;
  }
  void update() {
    ASSERT_TRUE(secret_.advance());
    key_ = secret_.key(AeadHome::evp);
    sequence_ = 0;
  }

 private:
  TrafficSecret secret_;
  RecordKey key_;
  std::uint64_t sequence_ = 0;
};

const std::string kUpdate("\x18\0\0\1\0", 5);
const std::string kUpdateAndAnswer("\x18\0\0\1\1", 5);

TEST(Records, KeyUpdatesAreFollowedAndAnsweredOnce) {
  auto ends = pair_of(Suite::aes_128_gcm);
  Peer peer(kUp);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(text_of(ends.server->open(peer.record(22, kUpdateAndAnswer))), "");
    peer.update();
    ends.server->rest();
  }
  EXPECT_EQ(text_of(ends.server->open(peer.record(23, "after three"))), "after three");
  ASSERT_TRUE(ends.server->has_notice());
  // The client follows the one answer.
  EXPECT_EQ(text_of(ends.client->open(ends.server->seal(bytes_of("new key")))), "new key");
  EXPECT_FALSE(ends.server->has_notice());
  EXPECT_EQ(text_of(ends.client->open(ends.server->seal(bytes_of("still")))), "still");
}

TEST(Records, MessagesThatHaveNoPlaceHereAreRefused) {
  const std::string ticket("\x04\0\0\x02xy", 6);
  const std::pair<std::uint8_t, std::string> bad[] = {
      {22, kUpdate + ticket},                  // the key would change inside a record
      {22, std::string("\x18\0\0\1\2", 5)},    // no such request
      {22, std::string("\x18\0\0\2\0\0", 6)},  // too long
      {22, std::string("\x0d\0\0\0", 4)},      // CertificateRequest
      {22, std::string("\x04\0", 2)},          // half a header
      {22, ""},
      {21, "x"},
      {20, "\x01"},
      {0, ""},
      {99, "what"}};
  for (const auto& [type, content] : bad) {
    auto ends = pair_of(Suite::aes_128_gcm);
    Peer peer(kUp);
    EXPECT_FALSE(ends.server->open(peer.record(type, content))) << int{type};
    EXPECT_TRUE(ends.server->has_notice());
  }
}

TEST(Records, TicketsArePassedOverInOneRecordOrTwo) {
  auto ends = pair_of(Suite::aes_128_gcm);
  Peer peer(kUp);
  const std::string ticket("\x04\0\0\x04tick", 8);
  EXPECT_EQ(text_of(ends.server->open(peer.record(22, ticket + ticket))), "");
  EXPECT_EQ(text_of(ends.server->open(peer.record(22, ticket.substr(0, 6)))), "");
  EXPECT_EQ(text_of(ends.server->open(peer.record(22, ticket.substr(6)))), "");
  EXPECT_EQ(text_of(ends.server->open(peer.record(23, "data"))), "data");
  EXPECT_EQ(text_of(ends.server->open(peer.record(22, ticket.substr(0, 6)))), "");
  EXPECT_FALSE(ends.server->open(peer.record(23, "inside a message")));
}

TEST(Records, PaddingIsTakenOffAndEmptyDataIsNoEnd) {
  auto ends = pair_of(Suite::aes_128_gcm);
  Peer peer(kUp);
  EXPECT_EQ(text_of(ends.server->open(peer.record(0, std::string("padded\x17\0\0\0", 10)))), "padded");
  EXPECT_EQ(text_of(ends.server->open(peer.record(23, ""))), "");
  EXPECT_FALSE(ends.server->peer_closed());
  EXPECT_EQ(text_of(ends.server->open(peer.record(21, std::string("\1\0", 2)))), "");
  EXPECT_TRUE(ends.server->peer_closed());
}

}  // namespace
}  // namespace sluice::tls
