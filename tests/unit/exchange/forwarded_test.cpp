// What goes on to the next hop of the fields that tell where a request came from.
#include "exchange/forwarded.h"

#include <gtest/gtest.h>

#include <vector>

#include "http/forward.h"

namespace sluice::exchange {
namespace {

const std::vector<std::string> kServer{"spiffe://default/api", "kuma://version/v1"};
const std::vector<std::string> kClient{"spiffe://default/web", "spiffe://default/web2", "kuma://version/v1"};

// The head as it goes on.
std::string passed(const ClientHop& hop, const std::string& fields) {
  const std::string text = "GET / HTTP/1.1\r\nhost: a\r\n" + fields + "\r\n";
  http::HeadReader reader(http::HeadReader::Kind::request);
  const auto request = **http::read_request(reader, text);
  HeadEdits edits;
  HopTexts texts;
  edit_forwarding(HeadFields(request), hop, texts, edits);
  std::string out;
  http::write_request(request, edits.edits(), out);
  return out;
}

ClientHop inbound(bool proven) {
  ClientHop hop{
      .outbound = false, .client = *IpAddr::parse("10.0.0.1"), .server_ids = kServer, .client_ids = {}};
  if (proven) hop.client_ids = kClient;
  return hop;
}

testing::AssertionResult has(const std::string& head, const std::string& line) {
  if (head.find("\r\n" + line + "\r\n") != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "no line \"" << line << "\" in\n" << head;
}

TEST(Forwarding, TheClientsCertificateIsWhatTheHandshakeProved) {
  const auto head =
      passed(inbound(true), "X-Forwarded-Client-Cert: By=spiffe://evil;URI=spiffe://default/boss\r\n");
  EXPECT_TRUE(has(head,
                  "x-forwarded-client-cert: By=spiffe://default/api;URI=spiffe://default/web;"
                  "URI=spiffe://default/web2"));
  EXPECT_EQ(head.find("boss"), std::string::npos);
}

TEST(Forwarding, WhoeverProvedNothingHasNoCertificate) {
  const auto head = passed(inbound(false), "x-forwarded-client-cert: URI=spiffe://default/boss\r\n");
  EXPECT_EQ(head.find("client-cert"), std::string::npos);
  const ClientHop out{.outbound = true, .client = {}, .server_ids = {}, .client_ids = {}};
  EXPECT_EQ(passed(out, "x-forwarded-client-cert: URI=spiffe://default/boss\r\n").find("client-cert"),
            std::string::npos);
}

TEST(Forwarding, ProtoIsThatOfTheClientsSideUnlessItIsSaid) {
  EXPECT_TRUE(has(passed(inbound(true), ""), "x-forwarded-proto: https"));
  EXPECT_TRUE(has(passed(inbound(false), ""), "x-forwarded-proto: http"));
  EXPECT_TRUE(has(passed(inbound(true), "x-forwarded-proto: http\r\n"), "x-forwarded-proto: http"));
}

TEST(Forwarding, TheClientsAddressComesLast) {
  EXPECT_TRUE(has(passed(inbound(true), ""), "x-forwarded-for: 10.0.0.1"));
  EXPECT_TRUE(has(passed(inbound(true), "x-forwarded-for: 192.0.2.7\r\nx-forwarded-for: 192.0.2.8\r\n"),
                  "x-forwarded-for: 192.0.2.7,192.0.2.8, 10.0.0.1"));
  const ClientHop out{
      .outbound = true, .client = *IpAddr::parse("10.0.0.1"), .server_ids = {}, .client_ids = {}};
  EXPECT_EQ(passed(out, "").find("x-forwarded-for"), std::string::npos);
}

TEST(Forwarding, ForwardedGetsAnElementWhereThereIsOne) {
  EXPECT_EQ(passed(inbound(true), "").find("\r\nforwarded"), std::string::npos);
  EXPECT_TRUE(has(passed(inbound(true), "Forwarded: for=192.0.2.7;proto=https\r\n"),
                  "forwarded: for=192.0.2.7;proto=https, for=10.0.0.1;proto=https"));
  auto hop = inbound(false);
  hop.client = *IpAddr::parse("fd00::1");
  EXPECT_TRUE(has(passed(hop, "forwarded: for=a\r\n"), "forwarded: for=a, for=\"[fd00::1]\";proto=http"));
}

TEST(Forwarding, AnIdentityWithSpecialsIsQuoted) {
  auto hop = inbound(true);
  const std::vector<std::string> odd{"spiffe://default/a,b;c=\"d\""};
  hop.client_ids = odd;
  EXPECT_TRUE(has(passed(hop, ""),
                  "x-forwarded-client-cert: By=spiffe://default/api;"
                  "URI=\"spiffe://default/a,b;c=\\\"d\\\"\""));
}

}  // namespace
}  // namespace sluice::exchange
