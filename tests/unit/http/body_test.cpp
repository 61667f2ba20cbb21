// Bodies: chunked with all its ways to go wrong, counted, and ended by the close.
#include "pieces.h"

namespace sluice::http {
namespace {

constexpr BodyLength kChunked{BodyLength::Kind::chunked};

struct Case {
  std::string bytes;
  BodyVerdict verdict;
};

// Bytes of the next message, which must not be touched.
BodyVerdict done(std::string content, std::size_t consumed) {
  return {"done", std::move(content), consumed};
}

TEST(Body, Chunked) {
  const std::string end = "0\r\n\r\n";
  const std::vector<Case> cases = {
      {"0\r\n\r\n", done("", 5)},
      {"0\r\n\r\nGET /", done("", 5)},
      {"3\r\nabc\r\n" + end, done("abc", 13)},
      {"3\r\nabc\r\n2\r\nde\r\n" + end + "x", done("abcde", 20)},
      {"A\r\n0123456789\r\n" + end, done("0123456789", 20)},
      {"a\r\n0123456789\r\n" + end, done("0123456789", 20)},
      {"0003\r\nabc\r\n" + end, done("abc", 16)},
      {"000\r\n\r\n", done("", 7)},
      {"3;a\r\nabc\r\n" + end, done("abc", 15)},
      {"3;a=b;c=\"d;e\\\"\"\r\nabc\r\n" + end, done("abc", 27)},
      {"3 ; a = b\r\nabc\r\n" + end, done("abc", 21)},
      {"0;x\r\n\r\n", done("", 7)},
      {"0\r\nX: y\r\n\r\nrest", done("", 11)},
      {"0\r\nX: y\r\nZ: 1\r\n\r\n", done("", 17)},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::PrintToString(c.bytes));
    EXPECT_EQ(body_verdict(c.bytes, kChunked, c.bytes.size(), 1), c.verdict);
    EXPECT_EQ(body_verdict(c.bytes, kChunked, 1, 1), c.verdict);
    for (std::size_t cut = 1; cut < c.bytes.size(); ++cut)
      EXPECT_EQ(body_verdict(c.bytes, kChunked, cut, c.bytes.size()), c.verdict) << "cut at " << cut;
  }
}

TEST(Body, ChunkedRefused) {
  struct Refused {
    std::string bytes;
    std::string word;
  };
  const std::vector<Refused> cases = {
      {"\r\n", "chunk_size"},
      {"x\r\n", "chunk_size"},
      {"-1\r\n", "chunk_size"},
      {"+1\r\n", "chunk_size"},
      {" 1\r\n", "chunk_size"},
      {"0x1\r\n", "chunk_size"},
      {"1g\r\n", "chunk_size"},
      {"1_0\r\n", "chunk_size"},
      {"\xef\xbc\x91\r\n", "chunk_size"},
      {";a\r\n", "chunk_size"},
      {"10000000000000000\r\n", "chunk_size"},
      {"ffffffffffffffff\r\n", "chunk_size"},
      {"8000000000000000\r\n", "chunk_size"},
      {"3\nabc\r\n", "bare_lf"},
      {"3\rabc\r\n", "bare_cr"},
      {"3;a\nabc\r\n", "bare_lf"},
      {"3;\nabc\r\n", "bare_lf"},
      {"3;a\r\r\n", "bare_cr"},
      {"3;a=\"\r\n\"\r\n", "chunk_extension"},
      {"3 \r\nabc\r\n", "chunk_extension"},
      {"3\t\r\nabc\r\n", "chunk_extension"},
      {"3;\r\nabc\r\n", "chunk_extension"},
      {"3;a=\r\nabc\r\n", "chunk_extension"},
      {"3;a b\r\n", "chunk_extension"},
      {"3;a \r\n", "chunk_extension"},
      {"3;a=b c\r\n", "chunk_extension"},
      {"3;a=\"b\"c\r\n", "chunk_extension"},
      {"3;a=\"b\r\n", "chunk_extension"},
      {"3 4\r\n", "chunk_extension"},
      {std::string("3;a\0\r\n", 6), "chunk_extension"},
      {"3;" + std::string(kExtensionBytesMax + 1, 'a') + "\r\n", "chunk_extension"},
      {"3\r\nabcd\r\n", "chunk_end"},
      {"3\r\nabc\n", "chunk_end"},
      {"3\r\nabc\rX", "chunk_end"},
      {"3\r\nabc0\r\n\r\n", "chunk_end"},
      {"0\r\nX\r\n\r\n", "no_colon"},
      {"0\r\nX : y\r\n\r\n", "space_before_colon"},
      {"0\r\n X: y\r\n\r\n", "folded_line"},
      {"0\r\nX: y\n\r\n", "bare_lf"},
      {"0\r\n\n", "bare_lf"},
      {"0\r\n\rX", "bare_cr"},
      {"0\r\nContent-Length: 5\r\n\r\n", "trailer_field"},
      {"0\r\nTransfer-Encoding: chunked\r\n\r\n", "trailer_field"},
      {"0\r\nHost: a\r\n\r\n", "trailer_field"},
      {"0\r\nauthorization: a\r\n\r\n", "trailer_field"},
      {"0\r\nSet-Cookie: a\r\n\r\n", "trailer_field"},
      {"0\r\nX: " + std::string(kTrailerBytesMax, 'a') + "\r\n\r\n", "trailer_too_large"},
  };
  for (const Refused& c : cases) {
    SCOPED_TRACE(testing::PrintToString(c.bytes.substr(0, 100)));
    EXPECT_EQ(body_verdict(c.bytes, kChunked, c.bytes.size(), 1).word, c.word);
    EXPECT_EQ(body_verdict(c.bytes, kChunked, 1, 1).word, c.word);
    for (std::size_t cut = 1; cut < c.bytes.size() && c.bytes.size() < 200; ++cut)
      EXPECT_EQ(body_verdict(c.bytes, kChunked, cut, c.bytes.size()).word, c.word) << "cut at " << cut;
  }
}

TEST(Body, ExtensionsAreCountedOverAllChunks) {
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += "1;" + std::string(60, 'e') + "\r\nx\r\n";
  EXPECT_EQ(body_verdict(bytes, kChunked, bytes.size(), 1).word, "chunk_extension");
}

TEST(Body, Counted) {
  const BodyLength five{BodyLength::Kind::counted, 5};
  for (std::size_t cut = 1; cut < 8; ++cut)
    EXPECT_EQ(body_verdict("abcdeGET", five, cut, 8), done("abcde", 5)) << cut;
  EXPECT_EQ(body_verdict("abc", five, 8, 8), (BodyVerdict{"more", "abc", 3}));
  EXPECT_EQ(body_verdict("GET", BodyLength{BodyLength::Kind::counted, 0}, 8, 8), done("", 0));
  EXPECT_EQ(body_verdict("GET", BodyLength{}, 8, 8), done("", 0));
  BodyReader reader(five);
  EXPECT_FALSE(reader.may_end_by_close());
}

TEST(Body, EndedByTheClose) {
  const BodyLength open{BodyLength::Kind::until_close};
  EXPECT_EQ(body_verdict("anything\r\n", open, 3, 3), (BodyVerdict{"more", "anything\r\n", 10}));
  BodyReader reader(open);
  EXPECT_TRUE(reader.may_end_by_close());
}

TEST(Body, TakeCountsAllThatBelongs) {
  BodyReader reader(kChunked);
  const auto taken = reader.take("3\r\nabc\r\n0\r\n\r\nGET / ");
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, 13U);
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.content_bytes(), 3U);
}

}  // namespace
}  // namespace sluice::http
