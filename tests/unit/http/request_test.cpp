// Request heads: what is read, and every way in which one is refused.
#include <gmock/gmock.h>

#include "pieces.h"

namespace sluice::http {
namespace {

struct Case {
  std::string bytes;
  std::string verdict;
};

// One request with an HTTP/1.1 start line, Host and one field more.
std::string with(std::string_view lines) {
  return "POST /a HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n\r\n";
}
std::string start(std::string_view line) {
  return std::string(line) + "\r\nHost: a\r\n\r\n";
}
std::string host(std::string_view value) {
  return "GET / HTTP/1.1\r\nHost: " + std::string(value) + "\r\n\r\n";
}
std::string byte_in_value(char c) {
  return with(std::string("X: a") + c + "b");
}

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::PrintToString(c.bytes.substr(0, 200)));
    EXPECT_EQ(request_verdict(c.bytes, c.bytes.size(), 1), c.verdict) << "whole";
    EXPECT_EQ(request_verdict(c.bytes, 0, 1), c.verdict) << "byte by byte";
    if (c.bytes.size() > 400) continue;
    for (std::size_t cut = 1; cut < c.bytes.size(); ++cut)
      EXPECT_EQ(request_verdict(c.bytes, cut, c.bytes.size()), c.verdict) << "cut at " << cut;
  }
}

TEST(Request, StartLines) {
  check({
      {start("GET / HTTP/1.1"), "ok"},
      {start("GET / HTTP/1.0"), "ok"},
      {"GET / HTTP/1.0\r\n\r\n", "ok"},
      {start("PATCH /a?b=c&d HTTP/1.1"), "ok"},
      {start("M-SEARCH /a HTTP/1.1"), "ok"},
      {start("get / HTTP/1.1"), "ok"},
      {start("GET /a|b{c} HTTP/1.1"), "ok"},
      {start("OPTIONS * HTTP/1.1"), "ok"},
      {start("GET http://a.b/c HTTP/1.1"), "ok"},
      {start("GET HTTPS://a.b:8443?x HTTP/1.1"), "target"},
      {start("GET http://a HTTP/1.1"), "ok"},
      {start("CONNECT a.b:443 HTTP/1.1"), "ok"},
      {start("CONNECT [::1]:443 HTTP/1.1"), "ok"},
      {"\r\n" + start("GET / HTTP/1.1"), "ok"},
      {"\r\n\r\n" + start("GET / HTTP/1.1"), "start_line"},
      {start("GET  / HTTP/1.1"), "start_line"},
      {start("GET /  HTTP/1.1"), "start_line"},
      {start("GET / HTTP/1.1 "), "start_line"},
      {start(" GET / HTTP/1.1"), "method"},
      {start("GET\t/ HTTP/1.1"), "method"},
      {start("GET /\tHTTP/1.1"), "start_line"},
      {start("GET /"), "start_line"},
      {start("GET"), "start_line"},
      {start("GET / HTTP/1.2"), "version"},
      {start("GET / HTTP/2.0"), "version"},
      {start("GET / HTTP/0.9"), "version"},
      {start("GET / http/1.1"), "start_line"},
      {start("GET / HTTP/1"), "start_line"},
      {start("GET / HTTP/1.11"), "start_line"},
      {start("GET / HTTP/01.1"), "start_line"},
      {start("GET / HTTP/+1.1"), "start_line"},
      {start("GET / HTTP/1,1"), "start_line"},
      {start("GET / XTTP/1.1"), "start_line"},
      {start("G(T / HTTP/1.1"), "method"},
      {start("G\"T / HTTP/1.1"), "method"},
      {start(std::string(32, 'M') + " / HTTP/1.1"), "ok"},
      {start(std::string(33, 'M') + " / HTTP/1.1"), "method"},
      {start("GET a HTTP/1.1"), "target"},
      {start("GET * HTTP/1.1"), "target"},
      {start("GET /a#b HTTP/1.1"), "target"},
      {start("GET /\x80 HTTP/1.1"), "target"},
      {start("GET /\x7f HTTP/1.1"), "control_character"},
      {start("GET ftp://a/ HTTP/1.1"), "target"},
      {start("GET http:///a HTTP/1.1"), "target"},
      {start("GET http://u@a/ HTTP/1.1"), "target"},
      {start("GET http:a HTTP/1.1"), "target"},
      {start("CONNECT a.b HTTP/1.1"), "target"},
      {start("CONNECT /a HTTP/1.1"), "target"},
      {start("CONNECT http://a:1/ HTTP/1.1"), "target"},
      {start("CONNECT a:65536 HTTP/1.1"), "target"},
      {start("CONNECT a: HTTP/1.1"), "target"},
      {start("GET /" + std::string(kTargetBytesMax, 'a') + " HTTP/1.1"), "target_too_long"},
      {start("GET /" + std::string(kTargetBytesMax - 1, 'a') + " HTTP/1.1"), "ok"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "version"},
      {"\x16\x03\x01\x02", "control_character"},
  });
}

TEST(Request, LineEnds) {
  check({
      {"GET / HTTP/1.1\nHost: a\n\n", "bare_lf"},
      {"GET / HTTP/1.1\r\nHost: a\n\r\n", "bare_lf"},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n", "bare_lf"},
      {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bare_lf"},
      {"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "bare_cr"},
      {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "bare_cr"},
      {"GET / HTTP/1.1\r\nHost: a\r\n\rX", "bare_cr"},
      {"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", "bare_cr"},
      {"GET / HTTP/1.1\r\nHost: a\r\n", "more"},
      {"GET / HTTP/1.1\r\nHost: a\r\n\r", "more"},
      {"", "more"},
      {"\r\n", "more"},
  });
}

TEST(Request, FieldLines) {
  check({
      {with("X: y"), "ok"},
      {with("X:y"), "ok"},
      {with("X:"), "ok"},
      {with("X:   "), "ok"},
      {with("X: \t y \t "), "ok"},
      {with("X: a\tb"), "ok"},
      {with("X: \xc3\xa4"), "ok"},
      {with("x_y: 1"), "ok"},
      {with("!#$%&'*+-.^_`|~1aZ: 1"), "ok"},
      {with("X : y"), "space_before_colon"},
      {with("X\t: y"), "space_before_colon"},
      {with("Transfer-Encoding : chunked"), "space_before_colon"},
      {with("Content-Length\t: 3"), "space_before_colon"},
      {with(": y"), "field_name"},
      {with("X(: y"), "field_name"},
      {with("X\x80: y"), "field_name"},
      {with("X/y: 1"), "field_name"},
      {with("Content-Length\xa0: 3"), "field_name"},
      {with("\"X\": y"), "field_name"},
      {with("X"), "no_colon"},
      {with("X y"), "no_colon"},
      {with(" X: y"), "folded_line"},
      {with("\tX: y"), "folded_line"},
      {with("X: y\r\n folded"), "folded_line"},
      {with("X: y\r\n\tfolded"), "folded_line"},
      {with("X: y\r\n \r\nZ: 1"), "folded_line"},
      {with("Transfer-Encoding:\r\n chunked"), "folded_line"},
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "folded_line"},
  });
  for (int c = 0; c < 256; ++c) {
    const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
    const char* expected = c == '\r' ? "bare_cr" : c == '\n' ? "bare_lf" : control ? "control_character" : "ok";
    check({{byte_in_value(static_cast<char>(c)), expected}});
  }
}

TEST(Request, EveryByteInANameIsTokenOrRefused) {
  constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";
  for (int c = 0x21; c < 256; ++c) {
    if (c == 0x7f || c == ':') continue;
    const bool token = (c < 128 && std::isalnum(c) != 0) || kSigns.find(static_cast<char>(c)) < kSigns.size();
    check({{with(std::string("a") + static_cast<char>(c) + "b: 1"), token ? "ok" : "field_name"}});
  }
}

TEST(Request, Limits) {
  std::string many;
  for (std::size_t i = 0; i + 2 < kFieldsMax; ++i) many += "X: y\r\n";
  check({
      {with(many + "X: y"), "ok"},
      {with(many + "X: y\r\nX: y"), "too_many_fields"},
      {with("X: " + std::string(kHeadBytesMax, 'a')), "head_too_large"},
      {"GET /" + std::string(kHeadBytesMax, 'a'), "head_too_large"},
      {with("X: " + std::string(kHeadBytesMax - 34, 'a')), "ok"},
      {with("X: " + std::string(kHeadBytesMax - 33, 'a')), "head_too_large"},
  });
}

TEST(Request, Hosts) {
  check({
      {host("a"), "ok"},
      {host("a.b:80"), "ok"},
      {host("[2001:db8::1]"), "ok"},
      {host("[::1]:8080"), "ok"},
      {host("under_score"), "ok"},
      {host("10.0.0.1:0"), "ok"},
      {host(""), "host_invalid"},
      {host("a b"), "host_invalid"},
      {host("a:"), "host_invalid"},
      {host("a:b"), "host_invalid"},
      {host("a:99999"), "host_invalid"},
      {host("a:1:2"), "host_invalid"},
      {host("a/b"), "host_invalid"},
      {host("u@a"), "host_invalid"},
      {host("http://a"), "host_invalid"},
      {host("[::1"), "host_invalid"},
      {host("[]"), "host_invalid"},
      {host("[::1]x"), "host_invalid"},
      {host("a\\b"), "host_invalid"},
      {host("a, b"), "host_invalid"},
      {host("\xc3\xa4"), "host_invalid"},
      {"GET / HTTP/1.1\r\n\r\n", "host_missing"},
      {"GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", "host_missing"},
      {with("Host: a"), "host_repeated"},
      {with("hOST: b"), "host_repeated"},
      {"GET http://a/ HTTP/1.1\r\n\r\n", "host_missing"},
  });
}

TEST(Request, BodyFraming) {
  const std::string cl = "Content-Length: 3\r\n";
  check({
      {with("Content-Length: 0"), "ok"},
      {with("Content-Length: 3"), "ok"},
      {with("Content-Length: 003"), "ok"},
      {with("content-length:\t3\t"), "ok"},
      {with("Content-Length: 999999999999999999"), "ok"},
      {with("Content-Length: 9999999999999999999"), "length_invalid"},
      {with("Content-Length: 18446744073709551616"), "length_invalid"},
      {with("Content-Length:"), "length_invalid"},
      {with("Content-Length: -1"), "length_invalid"},
      {with("Content-Length: +3"), "length_invalid"},
      {with("Content-Length: 0x3"), "length_invalid"},
      {with("Content-Length: 3 3"), "length_invalid"},
      {with("Content-Length: 3, 3"), "length_invalid"},
      {with("Content-Length: 3,"), "length_invalid"},
      {with("Content-Length: 3.0"), "length_invalid"},
      {with("Content-Length: 1e3"), "length_invalid"},
      {with("Content-Length: \"3\""), "length_invalid"},
      {with("Content-Length: 3_0"), "length_invalid"},
      {with("Content-Length: 3;a"), "length_invalid"},
      {with("Content-Length: \xef\xbc\x93"), "length_invalid"},
      {with(cl + "Content-Length: 3"), "length_repeated"},
      {with(cl + "Content-Length: 4"), "length_repeated"},
      {with(cl + "content-length: 3"), "length_repeated"},
      {with("Transfer-Encoding: chunked"), "ok"},
      {with("transfer-encoding: CHUNKED"), "ok"},
      {with("Transfer-Encoding:\tchunked "), "ok"},
      {with(cl + "Transfer-Encoding: chunked"), "length_and_coding"},
      {with("Transfer-Encoding: chunked\r\nContent-Length: 3"), "length_and_coding"},
      {with(cl + "Transfer-Encoding: identity"), "length_and_coding"},
      {with(cl + "Transfer-Encoding: "), "length_and_coding"},
      {with("Transfer-Encoding:"), "coding_invalid"},
      {with("Transfer-Encoding: ,"), "coding_invalid"},
      {with("Transfer-Encoding: ,chunked"), "coding_invalid"},
      {with("Transfer-Encoding: chunked,"), "coding_invalid"},
      {with("Transfer-Encoding: chunked, chunked"), "coding_invalid"},
      {with("Transfer-Encoding: chunked, gzip"), "coding_invalid"},
      {with("Transfer-Encoding: chunked, identity"), "coding_invalid"},
      {with("Transfer-Encoding: \"chunked\""), "coding_invalid"},
      {with("Transfer-Encoding: gzip"), "coding_unknown"},
      {with("Transfer-Encoding: gzip, chunked"), "coding_unknown"},
      {with("Transfer-Encoding: identity"), "coding_unknown"},
      {with("Transfer-Encoding: xchunked"), "coding_unknown"},
      {with("Transfer-Encoding: chunkedx"), "coding_unknown"},
      {with("Transfer-Encoding: chunked;q=1"), "coding_unknown"},
      {with("Transfer-Encoding: chunk ed"), "coding_unknown"},
      {with("Transfer-Encoding: \x0b"
            "chunked"),
       "control_character"},
      {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), "coding_repeated"},
      {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), "coding_repeated"},
      {with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), "coding_repeated"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "coding_in_old_version"},
      {"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\n", "ok"},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", "ok"},
      {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", "body_not_allowed"},
      {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "body_not_allowed"},
      {with("Transfer_Encoding: chunked"), "ok"},  // another field, which says nothing about the body
  });
}

TEST(Request, ConnectionAndExpect) {
  check({
      {with("Connection: close"), "ok"},
      {with("Connection: keep-alive, X-Hop"), "ok"},
      {with("Connection: , close ,"), "ok"},
      {with("Connection: close\r\nConnection: x"), "ok"},
      {with("Connection: host"), "connection_invalid"},
      {with("Connection: Content-Length"), "connection_invalid"},
      {with("Connection: close, transfer-encoding"), "connection_invalid"},
      {with("Connection: connection"), "connection_invalid"},
      {with("Connection: expect"), "connection_invalid"},
      {with("Connection: a b"), "connection_invalid"},
      {with("Connection: \"close\""), "connection_invalid"},
      {with("Expect: 100-continue"), "ok"},
      {with("Expect: 100-Continue"), "ok"},
      {with("Expect: 100-continue, x"), "expectation_unknown"},
      {with("Expect: later"), "expectation_unknown"},
      {with("Expect:"), "expectation_unknown"},
  });
}

Request parsed(HeadReader& reader, std::string_view bytes) {
  const auto request = read_request(reader, bytes);
  EXPECT_TRUE(request && *request);
  return request && *request ? **request : Request{};
}

TEST(Request, SaysWhatItRead) {
  const std::string bytes =
      "\r\nPOST http://b:81/x?y=1 HTTP/1.1\r\nHost: a\r\nX-One:  two words \r\nConnection: close\r\n"
      "Content-Length: 12\r\nExpect: 100-continue\r\n\r\nbody";
  HeadReader reader(HeadReader::Kind::request);
  const Request r = parsed(reader, bytes);
  EXPECT_EQ(r.method, "POST");
  EXPECT_EQ(r.target.form, Target::Form::absolute);
  EXPECT_EQ(r.target.path, "/x?y=1");
  EXPECT_EQ(r.authority, "b:81");
  EXPECT_EQ(r.fields->find(r.head, "x-one")->value(r.head), "two words");
  EXPECT_EQ(r.fields->find(r.head, "x-two"), nullptr);
  EXPECT_EQ(r.head.size(), bytes.size() - 4);
  EXPECT_EQ(r.body, (BodyLength{BodyLength::Kind::counted, 12}));
  EXPECT_FALSE(r.persistent);
  EXPECT_TRUE(r.expects_continue);
}

TEST(Request, Persistence) {
  const auto persistent = [](const std::string& bytes) {
    HeadReader reader(HeadReader::Kind::request);
    return parsed(reader, bytes).persistent;
  };
  EXPECT_TRUE(persistent("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_FALSE(persistent("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(persistent("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
  EXPECT_FALSE(persistent("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: CLOSE\r\n\r\n"));
}

TEST(Request, OffersASwitchOnlyWhereItMayHappen) {
  const auto upgrade = [](std::string_view lines) {
    HeadReader reader(HeadReader::Kind::request);
    const std::string bytes = with(lines);
    return parsed(reader, bytes).upgrade;
  };
  EXPECT_TRUE(upgrade("Connection: keep-alive, Upgrade\r\nUpgrade: websocket"));
  EXPECT_FALSE(upgrade("Upgrade: websocket"));
  EXPECT_FALSE(upgrade("Connection: upgrade"));
  EXPECT_FALSE(upgrade("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c"));
  EXPECT_FALSE(upgrade("Connection: Upgrade\r\nUpgrade: websocket, H2C"));
  EXPECT_FALSE(upgrade("Connection: Upgrade\r\nUpgrade: HTTP/2.0"));
  EXPECT_FALSE(upgrade("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1"));
}

TEST(Request, ReaderIsFitForTheNextRequest) {
  HeadReader reader(HeadReader::Kind::request);
  EXPECT_EQ(parsed(reader, "GET /1 HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n").target.path, "/1");
  reader.restart();
  const Request second = parsed(reader, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(second.target.path, "/2");
  EXPECT_EQ(second.fields->size(), 1U);
}

}  // namespace
}  // namespace sluice::http
