#include "tls/client_hello.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::tls {
namespace {

std::string number(std::size_t value, int width) {
  std::string out;
  for (int i = width - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

std::string vector(const std::string& body, int width) {
  return number(body.size(), width) + body;
}

std::string extension(std::size_t type, const std::string& body) {
  return number(type, 2) + vector(body, 2);
}

std::string alpn(std::initializer_list<std::string> names) {
  std::string list;
  for (const auto& name : names) list += vector(name, 1);
  return extension(16, vector(list, 2));
}

std::string server_name(const std::string& name) {
  return extension(0, vector(std::string(1, '\0') + vector(name, 2), 2));
}

std::string message(const std::string& extensions) {
  const std::string body = number(0x0303, 2) + std::string(32, 'r') + vector("", 1) +
                           vector(number(0x1301, 2), 2) + vector(std::string(1, '\0'), 1) +
                           vector(extensions, 2);
  return '\x01' + vector(body, 3);
}

std::string record(const std::string& body) {
  return '\x16' + number(0x0301, 2) + vector(body, 2);
}

ClientHello sniff(const std::string& bytes) {
  return sniff_client_hello(std::as_bytes(std::span(bytes)));
}

TEST(ClientHello, TellsMeshFromOther) {
  EXPECT_EQ(sniff(record(message(alpn({"sluice"})))).kind, HelloKind::mesh_tls);
  const auto both = sniff(record(message(server_name("x.example") + alpn({"sluice-h2", "sluice"}))));
  EXPECT_EQ(both.kind, HelloKind::mesh_tls);
  EXPECT_TRUE(both.sluice && both.sluice_h2);
  EXPECT_EQ(both.sni(), "x.example");
  EXPECT_EQ(sniff(record(message(alpn({"h2", "http/1.1"})))).kind, HelloKind::other_tls);
  EXPECT_EQ(sniff(record(message(alpn({"sluice-h3"})))).kind, HelloKind::other_tls);
  EXPECT_EQ(sniff(record(message(""))).kind, HelloKind::other_tls);
}

TEST(ClientHello, EveryPrefixNeedsMore) {
  const auto whole = record(message(server_name("x.example") + alpn({"sluice"})));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(sniff(whole.substr(0, size)).kind, HelloKind::need_more) << size;
  EXPECT_EQ(sniff(whole + "more bytes").kind, HelloKind::mesh_tls);
}

TEST(ClientHello, JoinsRecords) {
  const auto whole = message(server_name("x.example") + alpn({"sluice"}));
  for (std::size_t piece = 1; piece < whole.size(); ++piece) {
    std::string split;
    for (std::size_t at = 0; at < whole.size(); at += piece) split += record(whole.substr(at, piece));
    const auto hello = sniff(split);
    EXPECT_EQ(hello.kind, HelloKind::mesh_tls) << piece;
    EXPECT_EQ(hello.sni(), "x.example");
    EXPECT_EQ(sniff(split.substr(0, split.size() - 1)).kind, HelloKind::need_more) << piece;
  }
}

TEST(ClientHello, PlaintextIsNotTls) {
  for (const char* text :
       {"GET / HTTP/1.1\r\n", "\r\n", "*1\r\n$4\r\nPING\r\n", "SSH-2.0-x", "\x16\x02zzz", "\x80\x2e\x01"})
    EXPECT_EQ(sniff(text).kind, HelloKind::not_tls) << text;
  EXPECT_EQ(sniff(record("\x02" + std::string(40, 'x'))).kind, HelloKind::not_tls) << "a ServerHello";
  EXPECT_EQ(sniff(std::string("\x16\x03\x01\x00\x00", 5)).kind, HelloKind::not_tls) << "an empty record";
  EXPECT_EQ(sniff(std::string("\x16\x03\x01\x40\x01", 5)).kind, HelloKind::not_tls) << "an over-long record";
}

TEST(ClientHello, LyingLengthsAreNotTls) {
  const auto good = message(alpn({"sluice"}));
  auto lying = good;
  lying[lying.size() - 7] = '\x60';  // the length of the ALPN name
  EXPECT_EQ(sniff(record(lying)).kind, HelloKind::not_tls);
  EXPECT_EQ(sniff(record(message(extension(16, "")))).kind, HelloKind::not_tls);
  EXPECT_EQ(sniff(record(message(extension(16, vector("", 2))))).kind, HelloKind::not_tls);
  EXPECT_EQ(sniff(record(message(number(16, 2) + number(500, 2) + "x"))).kind, HelloKind::not_tls);
  EXPECT_EQ(sniff(record(good.substr(0, 20)) + std::string("\x17\x03\x03\x00\x01x", 6)).kind,
            HelloKind::not_tls);
}

TEST(ClientHello, LongHellosAreTheApplicationsOwn) {
  const auto huge = message(extension(0x1234, std::string(20'000, 'x')) + alpn({"sluice"}));
  EXPECT_EQ(sniff(record(huge.substr(0, 16'000))).kind, HelloKind::other_tls);
  std::string crumbs;
  for (int i = 0; i < 6000; ++i) crumbs += record(i == 0 ? "\x01" : std::string(1, '\0'));
  EXPECT_NE(sniff(crumbs.substr(0, kSniffMax)).kind, HelloKind::need_more)
      << "there is a last byte to wait for";
}

TEST(ClientHello, ServerNameIsFitForALog) {
  EXPECT_EQ(sniff(record(message(server_name("bad\nname")))).sni(), "");
  EXPECT_EQ(sniff(record(message(server_name(std::string(256, 'a'))))).sni(), "");
  EXPECT_EQ(sniff(record(message(server_name(std::string(255, 'a'))))).sni().size(), 255u);
}

}  // namespace
}  // namespace sluice::tls
