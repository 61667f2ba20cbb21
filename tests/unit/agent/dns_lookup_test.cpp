// Questions over the loopback to a server that the test plays.
#include "names/dns_lookup.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <thread>

#include "base/fd.h"

namespace sluice::agent {
namespace {

using namespace std::chrono_literals;
using Kind = NameAnswer::Kind;

constexpr std::uint16_t kA = 1;
constexpr std::uint16_t kCname = 5;

void put16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8U & 0xffU);
  out += static_cast<char>(value & 0xffU);
}

std::string labels(const std::string& name) {
  std::string out;
  for (std::size_t at = 0; at <= name.size();) {
    const auto end = std::min(name.find('.', at), name.size());
    out += static_cast<char>(end - at);
    out += name.substr(at, end - at);
    at = end + 1;
  }
  return out + '\0';
}

std::string record(const std::string& name, std::uint16_t type, unsigned ttl, const std::string& data) {
  std::string out = labels(name);
  put16(out, type);
  put16(out, 1);
  put16(out, ttl >> 16U);
  put16(out, ttl & 0xffffU);
  put16(out, static_cast<unsigned>(data.size()));
  return out + data;
}

std::string four(const std::string& address) {
  std::string out(4, '\0');
  ::inet_pton(AF_INET, address.c_str(), out.data());
  return out;
}

struct Said {
  unsigned code = 0;  // RCODE
  std::vector<std::string> records{};
  bool silent = false;
};

class Server {
 public:
  using Answer = std::function<Said(const std::string& name, std::uint16_t type)>;
  explicit Server(Answer answer) : answer_(std::move(answer)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    text_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) serve_one();
    });
  }
  const std::string& text() const { return text_; }
  int asked() const { return asked_; }

 private:
  void serve_one() {
    pollfd wait{socket_.get(), POLLIN, 0};
    if (::poll(&wait, 1, 20) != 1) return;
    char query[512];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const auto got =
        ::recvfrom(socket_.get(), query, sizeof query, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 17) return;
    ++asked_;
    std::string name;
    std::size_t at = 12;
    for (; query[at] != 0; at += static_cast<unsigned char>(query[at]) + 1U)
      name.append(name.empty() ? "" : ".").append(query + at + 1, static_cast<unsigned char>(query[at]));
    const std::size_t end = at + 5;
    const auto said = answer_(name, static_cast<std::uint16_t>(static_cast<unsigned char>(query[at + 2])));
    if (said.silent) return;
    std::string out(query, 2);
    put16(out, 0x8180U | said.code);
    put16(out, 1);
    put16(out, static_cast<unsigned>(said.records.size()));
    put16(out, 0);
    put16(out, 0);
    out.append(query + 12, end - 12);
    for (const auto& one : said.records) out += one;
    (void)::sendto(socket_.get(), out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }

  Answer answer_;
  Fd socket_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  std::string text_;
  std::atomic<int> asked_ = 0;
  std::jthread thread_;
};

NameAnswer ask(const Server& server, const std::string& name) {
  return look_up_by_dns({name}, {server.text()}, {})[name];
}

TEST(DnsLookup, GivesAddressesAndTheShortestTimeToLive) {
  const Server server([](const std::string& name, std::uint16_t type) -> Said {
    if (type != kA) return {};
    return {0, {record(name, kA, 300, four("192.0.2.1")), record(name, kA, 60, four("192.0.2.2"))}};
  });
  const auto answer = ask(server, "shop.example");
  EXPECT_EQ(answer.kind, Kind::found);
  EXPECT_EQ(answer.addresses.size(), 2U);
  EXPECT_EQ(answer.ttl, 60s);
}

TEST(DnsLookup, FollowsAliases) {
  const Server server([](const std::string& name, std::uint16_t type) -> Said {
    if (type != kA) return {0, {record(name, kCname, 30, labels("real.example"))}};
    return {0,
            {record(name, kCname, 30, labels("middle.example")),
             record("middle.example", kCname, 20, labels("real.example")),
             record("real.example", kA, 300, four("192.0.2.7"))}};
  });
  const auto answer = ask(server, "shop.example");
  ASSERT_EQ(answer.kind, Kind::found) << answer.why;
  ASSERT_EQ(answer.addresses.size(), 1U);
  EXPECT_EQ(answer.addresses[0].text(), "192.0.2.7");
  EXPECT_EQ(answer.ttl, 20s) << "an alias's";
}

TEST(DnsLookup, TellsNoneFromNoAnswer) {
  const Server gone([](const std::string&, std::uint16_t) -> Said { return {3}; });
  EXPECT_EQ(ask(gone, "shop.example").kind, Kind::none);
  EXPECT_FALSE(ask(gone, "shop.example").why.empty());
  const Server empty([](const std::string&, std::uint16_t) -> Said { return {}; });
  EXPECT_EQ(ask(empty, "shop.example").kind, Kind::none);
  const Server broken([](const std::string&, std::uint16_t) -> Said { return {2}; });
  EXPECT_EQ(ask(broken, "shop.example").kind, Kind::failed);
  const Server silent([](const std::string&, std::uint16_t) -> Said { return {0, {}, true}; });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(ask(silent, "shop.example").kind, Kind::failed);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kLookUpMax + 2s);
}

TEST(DnsLookup, ASilentServerHoldsNobodyUpWhoStops) {
  const Server silent([](const std::string&, std::uint16_t) -> Said { return {0, {}, true}; });
  std::stop_source stop;
  stop.request_stop();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(look_up_by_dns({"a.example"}, {silent.text()}, stop.get_token())["a.example"].kind, Kind::failed);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1s);
}

TEST(DnsLookup, AnswersForAnotherNameCountForNothing) {
  const Server server([](const std::string&, std::uint16_t type) -> Said {
    if (type != kA) return {};
    return {0, {record("evil.example", kA, 60, four("192.0.2.66"))}};
  });
  EXPECT_NE(ask(server, "shop.example").kind, Kind::found);
}

TEST(DnsLookup, ManyAreAskedAtOnceAndAsTheyAreWritten) {
  std::vector<std::string> names;
  for (int i = 0; i < 64; ++i) names.push_back("n" + std::to_string(i) + ".example");
  names.push_back("single");
  const Server server([](const std::string& name, std::uint16_t type) -> Said {
    if (type != kA || name.ends_with("single.local")) return {};
    return {0, {record(name, kA, 60, four("192.0.2.1"))}};
  });
  const auto answers = look_up_by_dns(names, {server.text()}, {});
  EXPECT_EQ(answers.size(), 65U);
  for (const auto& [name, answer] : answers) EXPECT_EQ(answer.kind, Kind::found) << name;
  EXPECT_EQ(look_up_by_dns({std::string(300, 'a')}, {server.text()}, {}).begin()->second.kind, Kind::none);
  EXPECT_EQ(look_up_by_dns({"a.example"}, {"nonsense"}, {})["a.example"].kind, Kind::failed);
}

}  // namespace
}  // namespace sluice::agent
