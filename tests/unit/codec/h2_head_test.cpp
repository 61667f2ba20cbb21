#include "codec/h2_head.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>

namespace sluice::codec {
namespace {

using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

HeadText block(Fields fields) {
  HeadText text;
  for (const auto& [name, value] : fields) EXPECT_TRUE(text.add(name, value)) << name;
  return text;
}

std::string all(const FieldBlock& block) {
  std::string out;
  for (std::size_t i = 0; i < block.size(); ++i)
    out.append(block.name(i)).append("=").append(block.value(i)).append("|");
  return out;
}

TEST(H2Head, ARequestBecomesTheTextOfHttp1) {
  const auto text = block({{":method", "POST"},
                           {":scheme", "http"},
                           {":authority", "app:80"},
                           {":path", "/a?b"},
                           {"cookie", "a=1"},
                           {"accept", "*/*"},
                           {"cookie", "b=2"}});
  EXPECT_EQ(text.request_text(false),
            "POST /a?b HTTP/1.1\r\nhost: app:80\r\ncookie: a=1; b=2\r\naccept: */*\r\n"
            "transfer-encoding: chunked\r\n\r\n");
  EXPECT_EQ(text.request_text(true),
            "POST /a?b HTTP/1.1\r\nhost: app:80\r\ncookie: a=1; b=2\r\naccept: */*\r\n\r\n");
}

TEST(H2Head, ALengthThatWasDeclaredStays) {
  const auto text = block({{":method", "PUT"}, {":path", "/"}, {":authority", "a"}, {"content-length", "3"}});
  EXPECT_EQ(text.request_text(false), "PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n");
}

TEST(H2Head, AHostThatContradictsTheAuthorityIsRefusedByTheReader) {
  const auto text = block({{":method", "GET"}, {":path", "/"}, {":authority", "a"}, {"host", "b"}});
  const auto head = text.request_text(true);
  http::HeadReader reader(http::HeadReader::Kind::request);
  const auto request = http::read_request(reader, head);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error(), http::Refusal::host_repeated);
  EXPECT_FALSE(HeadText(text).add("host", "c"));
}

TEST(H2Head, ConnectNamesItsAuthority) {
  const auto text = block({{":method", "CONNECT"}, {":authority", "db:5432"}});
  EXPECT_EQ(text.request_text(false), "CONNECT db:5432 HTTP/1.1\r\nhost: db:5432\r\n\r\n");
}

TEST(H2Head, AnAnswerSaysHowLongItsBodyIs) {
  const auto ok = block({{":status", "200"}, {"server", "x"}});
  EXPECT_EQ(ok.response_text(false, {}),
            "HTTP/1.1 200 OK\r\nserver: x\r\ntransfer-encoding: chunked\r\n\r\n");
  EXPECT_EQ(ok.response_text(true, {}), "HTTP/1.1 200 OK\r\nserver: x\r\ncontent-length: 0\r\n\r\n");
  EXPECT_EQ(ok.response_text(true, {.head = true}), "HTTP/1.1 200 OK\r\nserver: x\r\n\r\n");
  EXPECT_EQ(ok.response_text(false, {.connect = true}), "HTTP/1.1 200 OK\r\nserver: x\r\n\r\n");
  EXPECT_EQ(block({{":status", "204"}}).response_text(true, {}), "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST(H2Head, StatusesThatAreNoneAreMalformed) {
  for (const auto* status : {"99", "1000", "2x0", "101", "", "000"})
    EXPECT_FALSE(HeadText().add(":status", status)) << status;
}

TEST(H2Head, WhatIsLongerThanAHeadMayBeIsNotKept) {
  HeadText text;
  const std::string value(30000, 'x');
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(text.add("x-long", value));
  EXPECT_TRUE(text.too_large());
  EXPECT_LT(text.request_text(true).size(), http::kHeadBytesMax + 100);
}

TEST(H2Head, ARequestGoesOnWithoutWhatBelongsToOneHop) {
  const std::string head =
      "GET /old HTTP/1.1\r\nHost: a\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
      "X-Gone: 1\r\nX-Set: old\r\nUpgrade: websocket\r\nAccept: */*\r\n\r\n";
  http::HeadReader reader(http::HeadReader::Kind::request);
  const auto request = http::read_request(reader, head);
  ASSERT_TRUE(request && *request);
  const http::SetField set[] = {{"X-Set", "new"}};
  const http::SetField add[] = {{"X-Add", "1"}};
  const std::string_view remove[] = {"x-gone"};
  FieldBlock block;
  block.add_request(**request,
                    {.target = "/new", .authority = "b", .set = set, .add = add, .remove = remove});
  EXPECT_EQ(all(block),
            ":method=GET|:scheme=http|:path=/new|:authority=b|te=trailers|accept=*/*|x-set=new|x-add=1|");
}

TEST(H2Head, AnEndedAnswerNeedsNoLengthOfZero) {
  const std::string head = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n";
  http::HeadReader reader(http::HeadReader::Kind::response);
  const auto response = http::read_response(reader, head, {});
  ASSERT_TRUE(response && *response);
  FieldBlock ended;
  ended.add_response(**response, {}, true);
  EXPECT_EQ(all(ended), ":status=503|retry-after=1|");
  FieldBlock open;
  open.add_response(**response, {}, false);
  EXPECT_EQ(all(open), ":status=503|content-length=0|retry-after=1|");
}

TEST(H2Head, TrailersKeepTheirOrderAndLoseTheHops) {
  FieldBlock block;
  block.add_trailers("Grpc-Status: 0\r\nConnection: x\r\n: nothing\r\nnonsense\r\ngrpc-message: a: b\r\n");
  EXPECT_EQ(all(block), "grpc-status=0|grpc-message=a: b|");
}

}  // namespace
}  // namespace sluice::codec
