// Response heads: what is read, where bodies end, and every way in which one is refused.
#include "pieces.h"

namespace sluice::http {
namespace {

using Kind = BodyLength::Kind;

std::string line(std::string_view start) {
  return std::string(start) + "\r\n\r\n";
}
std::string status(int code, std::string_view fields = {}) {
  return "HTTP/1.1 " + std::to_string(code) + " X\r\n" + std::string(fields) + "\r\n";
}

struct Case {
  std::string bytes;
  std::string verdict;
  Asked asked{};
};

TEST(Response, Verdicts) {
  const std::vector<Case> cases = {
      {line("HTTP/1.1 200 OK"), "ok"},
      {line("HTTP/1.0 200 OK"), "ok"},
      {line("HTTP/1.1 200 "), "ok"},
      {line("HTTP/1.1 200"), "ok"},
      {line("HTTP/1.1 200 Not \xc3\xa4 OK"), "ok"},
      {line("HTTP/1.1 599 x"), "ok"},
      {line("HTTP/1.1 600 x"), "status_code"},
      {line("HTTP/1.1 099 x"), "status_code"},
      {line("HTTP/1.1 20 OK"), "status_code"},
      {line("HTTP/1.1 2000 OK"), "status_code"},
      {line("HTTP/1.1 2x0 OK"), "status_code"},
      {line("HTTP/1.1 +20 OK"), "status_code"},
      {line("HTTP/1.1  200 OK"), "status_code"},
      {line("HTTP/1.1 200\tOK"), "status_code"},
      {line("HTTP/1.1\t200 OK"), "start_line"},
      {line("HTTP/1.1"), "start_line"},
      {line("HTTP/1.1 "), "start_line"},
      {line("HTTP/2.0 200 OK"), "version"},
      {line("HTTP/1.2 200 OK"), "version"},
      {line("http/1.1 200 OK"), "start_line"},
      {line("ICY 200 OK and more"), "start_line"},
      {"\r\n" + line("HTTP/1.1 200 OK"), "start_line"},
      {"HTTP/1.1 200 OK\n\n", "bare_lf"},
      {"HTTP/1.1 200 O\rK\r\n\r\n", "bare_cr"},
      {line(std::string("HTTP/1.1 200 O\0K", 16)), "control_character"},
      {status(200, "X : y\r\n"), "space_before_colon"},
      {status(200, "X: y\r\n z\r\n"), "folded_line"},
      {status(200, "Content-Length: 1\r\nContent-Length: 1\r\n"), "length_repeated"},
      {status(200, "Content-Length: 1, 1\r\n"), "length_invalid"},
      {status(200, "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), "length_and_coding"},
      {status(200, "Transfer-Encoding: gzip, chunked\r\n"), "coding_unknown"},
      {status(200, "Transfer-Encoding: chunked, gzip\r\n"), "coding_invalid"},
      {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "coding_in_old_version"},
      {status(204, "Content-Length: 0\r\n"), "ok"},
      {status(204, "Content-Length: 1\r\n"), "body_not_allowed"},
      {status(204, "Transfer-Encoding: chunked\r\n"), "body_not_allowed"},
      {status(100), "ok"},
      {status(103, "Link: </a>\r\n"), "ok"},
      {status(100, "Content-Length: 5\r\n"), "body_not_allowed"},
      {status(101), "switch_not_asked"},
      {status(101), "ok", {.upgrade = true}},
      {status(101, "Transfer-Encoding: chunked\r\n"), "body_not_allowed", {.upgrade = true}},
      {status(200), "ok", {.connect = true}},
      {status(200, "Content-Length: 4\r\n"), "body_not_allowed", {.connect = true}},
      {status(404, "Content-Length: 4\r\n"), "ok", {.connect = true}},
      {status(200, "Connection: content-length\r\n"), "connection_invalid"},
      {status(200, "X: " + std::string(kHeadBytesMax, 'a')), "head_too_large"},
      {"HTTP/1.1 200 OK\r\nX", "more"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::PrintToString(c.bytes.substr(0, 200)));
    EXPECT_EQ(response_verdict(c.bytes, c.asked, c.bytes.size(), 1), c.verdict) << "whole";
    EXPECT_EQ(response_verdict(c.bytes, c.asked, 0, 1), c.verdict) << "byte by byte";
    for (std::size_t cut = 1; cut < c.bytes.size() && c.bytes.size() < 400; ++cut)
      EXPECT_EQ(response_verdict(c.bytes, c.asked, cut, c.bytes.size()), c.verdict) << "cut at " << cut;
  }
}

TEST(Response, WhereBodiesEnd) {
  struct BodyCase {
    std::string bytes;
    Asked asked;
    BodyLength body;
    bool persistent;
  };
  const BodyCase cases[] = {
      {status(200), {}, {Kind::until_close}, false},
      {status(200, "Content-Length: 7\r\n"), {}, {Kind::counted, 7}, true},
      {status(200, "Content-Length: 0\r\n"), {}, {Kind::counted, 0}, true},
      {status(200, "Transfer-Encoding: chunked\r\n"), {}, {Kind::chunked}, true},
      {status(200, "Content-Length: 7\r\nConnection: close\r\n"), {}, {Kind::counted, 7}, false},
      {status(200, "Content-Length: 7\r\n"), {.head = true}, {Kind::none}, true},
      {status(200, "Transfer-Encoding: chunked\r\n"), {.head = true}, {Kind::none}, true},
      {status(304, "Content-Length: 7\r\n"), {}, {Kind::none}, true},
      {status(204), {}, {Kind::none}, true},
      {status(205), {}, {Kind::until_close}, false},
      {status(100), {}, {Kind::none}, true},
      {status(101), {.upgrade = true}, {Kind::tunnel}, false},
      {status(200), {.connect = true}, {Kind::tunnel}, false},
      {status(407, "Content-Length: 1\r\n"), {.connect = true}, {Kind::counted, 1}, true},
      {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n", {}, {Kind::counted, 2}, false},
      {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n", {}, {Kind::counted, 2}, true},
  };
  for (const BodyCase& c : cases) {
    SCOPED_TRACE(c.bytes);
    HeadReader reader(HeadReader::Kind::response);
    const auto response = read_response(reader, c.bytes, c.asked);
    ASSERT_TRUE(response && *response);
    EXPECT_EQ((*response)->body, c.body);
    EXPECT_EQ((*response)->persistent, c.persistent);
  }
}

}  // namespace
}  // namespace sluice::http
