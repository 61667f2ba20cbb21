// What applications and clients see of the proxy in heads, gRPC deadlines, and clients that leave.
#include <chrono>

#include "codec/h2_client.h"
#include "exchange/grpc.h"
#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

const std::string kReadBoth = towards("MeshTimeout", "api", "{http: {requestTimeout: 30s}}") +
                              at_api("MeshTimeout", "    - default: {http: {requestTimeout: 30s}}\n");

io::Task<void> ask_one(HttpLab* lab, Way way, std::string fields, Client::Answer* out) {
  Client client(*lab, way);
  *out = co_await client.ask("/echo", fields);
}

TEST(Heads, TheApplicationLearnsWhoCalledAndOverWhat) {
  HttpLab lab(kReadBoth, {.mtls = true});
  Client::Answer answer;
  lab.play(ask_one(&lab, Way::same_node, "x-forwarded-client-cert: URI=spiffe://default/boss\r\n", &answer));
  EXPECT_NE(answer.body.find("x-forwarded-client-cert: By=spiffe://default/api;URI=spiffe://default/web\r\n"),
            std::string::npos)
      << answer.body;
  EXPECT_EQ(answer.body.find("boss"), std::string::npos);
  EXPECT_NE(answer.body.find("x-forwarded-for: 10.0.0.1\r\n"), std::string::npos) << answer.body;
  EXPECT_NE(answer.body.find("x-forwarded-proto: http\r\n"), std::string::npos) << answer.body;
}

TEST(Heads, ProtoIsHttpsWhereOnlyTheServersSideReads) {
  HttpLab lab(at_api("MeshTimeout", "    - default: {http: {requestTimeout: 30s}}\n"), {.mtls = true});
  Client::Answer answer;
  lab.play(ask_one(&lab, Way::same_node, "", &answer));
  EXPECT_NE(answer.body.find("x-forwarded-proto: https\r\n"), std::string::npos) << answer.body;
}

io::Task<void> leave_early(HttpLab* lab, Way way, std::string path, Nanos after) {
  {
    Client client(*lab, way);
    co_await client.send("GET " + path + " HTTP/1.1\r\nhost: lab\r\n\r\n");
    (void)co_await lab->ring().sleep_for(after);
    client.leave();
  }
  (void)co_await lab->ring().sleep_for(100ms);
  EXPECT_EQ(lab->application().abandoned, 1);
}

TEST(Leaving, EndsTheAttemptAtOnce) {
  for (const Way way : {Way::outbound, Way::inbound, Way::same_node}) {
    for (const char* path : {"/never", "/drip/100/20000"}) {
      for (const Nanos after : {Nanos(10ms), Nanos(300ms)}) {
        HttpLab lab(kReadBoth + towards("MeshTimeout", "far", "{http: {requestTimeout: 30s}}"),
                    {.mtls = way == Way::same_node});
        lab.play(leave_early(&lab, way, path, after));
        const FlightRow row = lab.last_request();
        EXPECT_EQ(row.reason, static_cast<std::uint8_t>(Reason::client_reset)) << path;
        EXPECT_STREQ(row.path, path);
        EXPECT_EQ(lab.count(Reason::drained), 0U);
      }
    }
  }
}

io::Task<void> pipeline(HttpLab* lab, Way way) {
  Client client(*lab, way);
  co_await client.send("GET /wait/300 HTTP/1.1\r\nhost: lab\r\n\r\n");
  (void)co_await lab->ring().sleep_for(100ms);  // somebody looks for the client's end by now
  co_await client.send(
      "GET /wait/301 HTTP/1.1\r\nhost: lab\r\n\r\nGET /wait/302 HTTP/1.1\r\nhost: lab\r\n\r\n");
  for (const char* path : {"/wait/300", "/wait/301", "/wait/302"}) {
    const auto answer = co_await client.read_answer();
    EXPECT_EQ(answer.status, 200);
    EXPECT_NE(answer.body.find(path), std::string::npos) << answer.body;
  }
}

TEST(Leaving, WhoAsksAheadStays) {
  HttpLab lab(kReadBoth);
  lab.play(pipeline(&lab, Way::inbound));
}

io::Task<void> half_close(HttpLab* lab, Way way, Client::Answer* out) {
  Client client(*lab, way);
  co_await client.send("GET /wait/300 HTTP/1.1\r\nhost: lab\r\nconnection: close\r\n\r\n");
  co_await client.finish();
  *out = co_await client.read_answer();
}

TEST(Leaving, WhoSaidThatNothingFollowsMayHalfClose) {
  HttpLab lab(kReadBoth);
  Client::Answer answer;
  lab.play(half_close(&lab, Way::inbound, &answer));
  EXPECT_EQ(answer.status, 200);
}

// --- gRPC

struct Call {
  std::string text;
  http::HeadReader reader{http::HeadReader::Kind::request};
  http::Request request;
  explicit Call(const std::string& path, const std::string& fields)
      : text("POST " + path + " HTTP/1.1\r\nhost: lab\r\ncontent-type: application/grpc\r\n" + fields +
             "\r\n"),
        request(**http::read_request(reader, text)) {}
};

struct Result {
  int status = 0;
  std::string head;
  std::string trailers;
  Nanos took{};
};

io::Task<void> run_session(codec::H2ClientSession* session) {
  co_await session->run();
}

io::Task<void> call(HttpLab* lab, Way way, std::string path, std::string fields, Result* out) {
  const SocketAddr to = HttpLab::address(way);
  auto socket = *lab->ring().open_socket(to);
  EXPECT_TRUE(co_await socket.connect(to));
  codec::H2ClientSession session(lab->ring(), std::make_unique<io::SocketStream>(std::move(socket)), {});
  io::Scope running;
  running.spawn(run_session(&session));
  {
    const Call call(path, fields);
    const MonoTime began = lab->ring().now();
    const auto stream = session.open();
    EXPECT_TRUE(co_await stream->send(call.request, {}, true));
    const auto answer = co_await stream->answer();
    if (answer) {
      out->status = (*answer)->status;
      out->head = (*answer)->head;
      while (true) {
        const auto part = co_await stream->read_body();
        if (!part) break;
        if (!part->last) continue;
        out->trailers = part->trailers;
        break;
      }
    }
    out->took = lab->ring().now() - began;
  }
  running.cancel();
  co_await running.join();
}

Result called(HttpLab& lab, Way way, const std::string& path, const std::string& fields = {}) {
  Result out;
  lab.play(call(&lab, way, path, fields, &out));
  return out;
}

std::optional<Nanos> passed_timeout(HttpLab& lab) {
  const std::string& head = lab.application().heads.back();
  const std::size_t at = head.find("grpc-timeout: ");
  if (at == std::string::npos) return std::nullopt;
  return exchange::read_grpc_timeout(head.substr(at + 14, head.find("\r\n", at) - at - 14));
}

std::string with(Way way, const std::string& conf) {
  return way == Way::outbound ? towards("MeshTimeout", "far", conf)
                              : at_api("MeshTimeout", "    - default: " + conf + "\n");
}

TEST(GrpcDeadline, EndsACallThatThePolicyWouldLetRun) {
  for (const Way way : {Way::outbound, Way::inbound}) {
    HttpLab lab(with(way, "{http: {requestTimeout: 30s}}"), {.protocol = "grpc"});
    const Result result = called(lab, way, "/never", "grpc-timeout: 2S\r\n");
    EXPECT_EQ(result.status, 200);
    EXPECT_NE(result.head.find("grpc-status: 4\r\n"), std::string::npos) << result.head;
    EXPECT_GE(result.took, 2s);
    EXPECT_LE(result.took, 2100ms);
    EXPECT_EQ(lab.last_request().reason, static_cast<std::uint8_t>(Reason::request_timeout));
    EXPECT_EQ(lab.last_request().http_status, 504);
  }
}

TEST(GrpcDeadline, IsPassedOnAsWhatIsLeft) {
  for (const Way way : {Way::outbound, Way::inbound}) {
    HttpLab longer(with(way, "{http: {requestTimeout: 30s}}"), {.protocol = "grpc"});
    EXPECT_EQ(called(longer, way, "/ok", "grpc-timeout: 2S\r\n").trailers, "grpc-status: 0\r\n");
    const auto left = passed_timeout(longer);
    ASSERT_TRUE(left);
    EXPECT_LE(*left, 2s);
    EXPECT_GE(*left, 1900ms);
    HttpLab shorter(with(way, "{http: {requestTimeout: 1s}}"), {.protocol = "grpc"});
    EXPECT_EQ(called(shorter, way, "/ok", "grpc-timeout: 1M\r\n").status, 200);
    EXPECT_LE(passed_timeout(shorter).value_or(Nanos(1h)), 1s);
    HttpLab none(with(way, "{http: {requestTimeout: 1s}}"), {.protocol = "grpc"});
    EXPECT_EQ(called(none, way, "/ok").status, 200);
    EXPECT_FALSE(passed_timeout(none));
  }
}

TEST(GrpcDeadline, CountsAnInjectedDelay) {
  HttpLab lab(
      at_api("MeshFaultInjection", "    - default: {http: [{delay: {value: 1s, percentage: 100}}]}\n"),
      {.protocol = "grpc"});
  EXPECT_EQ(called(lab, Way::inbound, "/ok", "grpc-timeout: 3S\r\n").status, 200);
  const auto left = passed_timeout(lab);
  ASSERT_TRUE(left);
  EXPECT_LE(*left, 2s);
  EXPECT_GE(*left, 1900ms);
}

TEST(Grpc, RefusalsAreTrailersOnly) {
  HttpLab lab(
      at_api("MeshFaultInjection", "    - default: {http: [{abort: {httpStatus: 503, percentage: 100}}]}\n"),
      {.protocol = "grpc"});
  const Result result = called(lab, Way::inbound, "/ok");
  EXPECT_EQ(result.status, 200);
  EXPECT_NE(result.head.find("content-type: application/grpc\r\n"), std::string::npos) << result.head;
  EXPECT_NE(result.head.find("grpc-status: 14\r\n"), std::string::npos) << result.head;
  EXPECT_NE(result.head.find("grpc-message: fault filter abort\r\n"), std::string::npos) << result.head;
}

}  // namespace
}  // namespace sluice::lab
