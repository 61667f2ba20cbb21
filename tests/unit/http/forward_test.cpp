// Heads as they go on: the bytes that came, without what belonged to one hop.
#include "http/forward.h"

#include "pieces.h"

namespace sluice::http {
namespace {

std::string forwarded(std::string_view bytes, std::span<const SetField> set = {}) {
  HeadReader reader(HeadReader::Kind::request);
  const auto request = read_request(reader, bytes);
  std::string out;
  if (request && *request) write_request(**request, {.set = set}, out);
  return out;
}

std::string answered(std::string_view bytes, ResponseHop hop = {}, Asked asked = {}) {
  HeadReader reader(HeadReader::Kind::response);
  const auto response = read_response(reader, bytes, asked);
  std::string out;
  if (response && *response) write_response(**response, {}, hop, out);
  return out;
}

TEST(Forward, LeavesBytesAsTheyAre) {
  constexpr std::string_view kRequest =
      "GET /%7e?a=|b HTTP/1.1\r\nhOsT:  a \r\nX-Odd:\t v  v\t\r\nX-Odd: \r\nCookie: a; b\r\n\r\n";
  EXPECT_EQ(forwarded(kRequest), kRequest);
  constexpr std::string_view kResponse =
      "HTTP/1.1 200 All Right\r\nDate: today\r\nSET-cookie: a\r\nset-cookie:b\r\nContent-Length: 0\r\n\r\n";
  EXPECT_EQ(answered(kResponse), kResponse);
}

TEST(Forward, DropsWhatBelongsToTheHop) {
  EXPECT_EQ(
      forwarded("GET / HTTP/1.1\r\nConnection: keep-alive, X-Hop\r\nHost: a\r\nx-hop: 1\r\nKeep-Alive: 5\r\n"
                "Proxy-Connection: close\r\nTE: trailers\r\nUpgrade: h2c\r\nX-End: 2\r\n\r\n"),
      "GET / HTTP/1.1\r\nHost: a\r\nX-End: 2\r\n\r\n");
  EXPECT_EQ(answered("HTTP/1.0 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n", {.close = true}),
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nconnection: close\r\n\r\n");
}

TEST(Forward, KeepsFramingAndExpectation) {
  constexpr std::string_view kRequest =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\nExpect: "
      "100-continue\r\n\r\n";
  EXPECT_EQ(forwarded(kRequest), kRequest);
}

TEST(Forward, AbsoluteTargetDecidesTheHost) {
  EXPECT_EQ(forwarded("GET http://b:1/x HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n"),
            "GET /x HTTP/1.1\r\nhost: b:1\r\nX: y\r\n\r\n");
}

TEST(Forward, SetReplaces) {
  const SetField set[] = {{"x-request-id", "7"}};
  EXPECT_EQ(forwarded("GET / HTTP/1.1\r\nX-Request-Id: 1\r\nHost: a\r\nX-REQUEST-ID: 2\r\n\r\n", set),
            "GET / HTTP/1.1\r\nHost: a\r\nx-request-id: 7\r\n\r\n");
}

TEST(Forward, SwitchesPassBothHops) {
  EXPECT_EQ(forwarded("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nconnection: upgrade\r\n\r\n");
  EXPECT_EQ(answered("HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", {.close = true},
                     {.upgrade = true}),
            "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nconnection: upgrade\r\n\r\n");
}

TEST(Forward, OldVersionAndEmptyLineInFront) {
  EXPECT_EQ(forwarded("\r\nGET / HTTP/1.0\r\nX: y\r\n\r\n"), "GET / HTTP/1.0\r\nX: y\r\n\r\n");
  EXPECT_EQ(forwarded("GET / HTTP/1.0\r\n\r\n"), "GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(answered("HTTP/1.1 204\r\n\r\n", {.keep_alive = true}),
            "HTTP/1.1 204 \r\nconnection: keep-alive\r\n\r\n");
}

TEST(Forward, LocalAnswers) {
  std::string out;
  write_local_answer(503, "no_endpoints\n", false, true, out);
  EXPECT_EQ(out,
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n"
            "connection: close\r\n\r\nno_endpoints\n");
  out.clear();
  write_local_answer(404, "abc", true, false, out);
  EXPECT_TRUE(out.ends_with("content-length: 3\r\n\r\n"));
}

}  // namespace
}  // namespace sluice::http
