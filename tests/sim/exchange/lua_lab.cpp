#include "tests/sim/exchange/lua_lab.h"

#include <gtest/gtest.h>

#include <utility>

#include "codec/h1_server.h"
#include "http/forward.h"

namespace sluice::exchange {
namespace {

constexpr const char* kProxy = "10.0.0.2:80";
constexpr const char* kApplication = "10.0.0.2:8080";

SocketAddr at(const char* text) {
  return *SocketAddr::parse(text);
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

struct Answering {
  Answering(std::string own_text, http::Asked asked)
      : text(std::move(own_text)), response(**http::read_response(reader, text, asked)) {}
  std::string text;
  http::HeadReader reader{http::HeadReader::Kind::response};
  http::Response response;
};

}  // namespace

LuaLab::LuaLab(std::uint64_t seed, io::SimFaults faults, LuaLimits limits)
    : scripts(clock,
              {.log = [this](LogLevel, std::string_view text) { log.emplace_back(text); },
               .count = [this](Reason reason) { ++counted[reason]; }},
              limits),
      sim_(seed, faults) {}

policy::LuaFilter LuaLab::one(std::string code, bool fail_open) {
  return {.name = "test", .code = std::move(code), .fail_open = fail_open, .rule = policy::RuleIndex(1)};
}

void LuaLab::filters(std::vector<policy::LuaFilter> list) {
  policy::TableImage image;
  image.meshes = {"default"};
  image.permissions.resize(1);
  policy::RuleRef rule;
  rule.policy = "MeshProxyPatch/test";
  image.rules.push_back(rule);
  policy::WorkloadImage self;
  self.id = WorkloadId(1);
  self.local = true;
  self.name = "server";
  self.addresses = {*IpAddr::parse("10.0.0.2")};
  policy::InboundImage inbound;
  inbound.address = at(kProxy);
  inbound.service_address = at(kApplication);
  inbound.name = "80";
  inbound.protocol = policy::Protocol::http;
  inbound.http = 0;
  self.inbounds = {inbound};
  image.http_inbounds = {{.timeouts = {{{}, timeouts}}, .rate_limits = {}, .faults = {}, .lua = list}};
  if (is_outbound) {
    // A service with one route for x-to: there, and one for the rest that leads nowhere.
    auto there = self;
    there.id = WorkloadId::none;
    there.local = false;
    there.inbounds.front().address = at(kApplication);
    self.inbounds.clear();
    image.workloads = {self, there};
    image.services = {{.name = "there",
                       .mesh = 0,
                       .protocol = policy::Protocol::http,
                       .backends = {{1, 0}},
                       .vips = {at(kProxy)}}};
    policy::RouteImage good, rest;
    good.match.headers = {{policy::TextMatch::Kind::exact, "x-to", "there"}};
    rest.backends = {{policy::kNone, 1}};
    image.http_outbounds = {{.routes = {good, rest}, .retries = {}, .lua = std::move(list)}};
    image.outbounds = {
        {.workload = 0, .service = 0, .addresses = {}, .connect_timeout = {}, .idle_timeout = {}, .http = 0}};
  } else {
    image.workloads = {self};
  }
  auto built = policy::Table::build(std::move(image));
  ASSERT_TRUE(built) << built.error();
  table_ = *built;
}

io::Task<Result<std::unique_ptr<io::Stream>>> LuaLab::dial(std::shared_ptr<const policy::Table>,
                                                           policy::Permit permit) {
  auto socket = ring().open_socket(permit.address());
  if (!socket) co_return std::unexpected(socket.error());
  if (const auto connected = co_await socket->connect(permit.address()); !connected)
    co_return std::unexpected(connected.error());
  co_return std::make_unique<io::SocketStream>(std::move(*socket));
}

void LuaLab::report(const RequestReport& report) {
  told.push_back({std::string(report.path), report.status, report.end.reason,
                  report.rule == nullptr ? "" : report.rule->policy});
}

OrigDst LuaLab::destination() const {
  return OrigDst(at(kProxy));
}

std::string LuaLab::ask(std::string bytes) {
  return ask_all({std::move(bytes)}).front();
}

std::vector<std::string> LuaLab::ask_all(std::vector<std::string> requests) {
  std::vector<std::string> answers(requests.size());
  pool_ = std::make_unique<Pool>(ring(), PoolLimits{});
  const auto finished = ring().run_task(scenario(&requests, &answers));
  EXPECT_TRUE(finished && *finished) << "something never ended";
  return answers;
}

io::Task<void> LuaLab::scenario(const std::vector<std::string>* requests, std::vector<std::string>* answers) {
  auto front = *ring().listen(at(kProxy));
  auto back = *ring().listen(at(kApplication));
  io::Scope servers, clients;
  servers.spawn(proxy(&front));
  servers.spawn(application(&back));
  for (std::size_t i = 0; i < requests->size(); ++i) clients.spawn(ask_one(&(*requests)[i], &(*answers)[i]));
  co_await clients.join();
  co_await pool_->close();
  servers.cancel();
  co_await servers.join();
}

io::Task<void> LuaLab::proxy(io::Listener* listener) {
  io::Scope lives;
  while (true) {
    auto socket = co_await listener->accept();
    if (!socket && socket.error().sys_errno == ECANCELED) break;
    if (socket) lives.spawn(serve(std::move(*socket)));
  }
  lives.cancel();
  co_await lives.join();
}

io::Task<void> LuaLab::serve(io::Socket socket) {
  io::SocketStream stream(std::move(socket));
  codec::H1ServerSession session(ring(), stream, {}, {});
  (void)co_await serve_requests(session, *this, Nanos::zero());
}

io::Task<void> LuaLab::application(io::Listener* listener) {
  io::Scope lives;
  while (true) {
    auto socket = co_await listener->accept();
    if (!socket && socket.error().sys_errno == ECANCELED) break;
    if (socket) lives.spawn(apply(std::move(*socket)));
  }
  lives.cancel();
  co_await lives.join();
}

io::Task<void> LuaLab::apply(io::Socket socket) {
  io::SocketStream stream(std::move(socket));
  codec::H1ServerSession session(ring(), stream, {}, {});
  while (true) {
    auto next = co_await session.next();
    if (!next || !*next) break;
    co_await answer(next->get());
  }
  co_await session.close();
}

// Its answer is the path, a space, and the request's body with its trailers.
io::Task<void> LuaLab::answer(codec::ServerStream* stream) {
  const http::Request& request = stream->request();
  asked.emplace_back(request.head);
  if (asked_once) asked_once(asked.size());
  std::string body = std::string(request.target.path) + " ";
  while (request.body.kind != http::BodyLength::Kind::none) {
    auto part = co_await stream->read_body();
    if (!part) co_return stream->reset(part.error());
    body.append(reinterpret_cast<const char*>(part->data.bytes().data()), part->data.size());
    body.append(part->trailers);
    if (part->last) break;
  }
  const bool empty = request.is_head() || request.target.path == "/empty";
  const Answering made(request.target.path == "/empty"
                           ? "HTTP/1.1 204 Nothing\r\nx-app: yes\r\n\r\n"
                           : "HTTP/1.1 200 Fine\r\nX-App: yes\r\ntransfer-encoding: chunked\r\n\r\n",
                       {.head = request.is_head()});
  if (!co_await stream->answer(made.response, {}, empty) || empty) co_return;
  for (std::size_t at = 0; at < body.size(); at += 5000) {
    const auto piece = std::string_view(body).substr(at, 5000);
    if (!co_await stream->write_body(io::Chunk::copy_of(bytes_of(piece)))) co_return;
  }
  (void)co_await stream->finish("x-trailer: 1\r\n");
}

io::Task<void> LuaLab::ask_one(const std::string* bytes, std::string* answer) {
  auto socket = ring().open_socket(at(kProxy));
  if (!socket || !co_await socket->connect(at(kProxy))) co_return;
  std::string_view text = *bytes;
  if (stops_in_body) text.remove_suffix(1);
  (void)co_await socket->send(bytes_of(text));  // an answer may have come before the end of the request
  while (true) {
    const auto chunk = co_await socket->recv();
    if (!chunk || chunk->empty()) co_return;
    answer->append(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
  }
}

}  // namespace sluice::exchange
