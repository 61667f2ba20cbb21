#include "tests/sim/requests/http_lab.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <deque>
#include <utility>

#include "policy/kinds/check.h"
#include "policy/table/codec.h"

namespace sluice::lab {
namespace {

constexpr const char* kSelf = "10.0.0.1:40000";  // web
constexpr const char* kOther = "10.0.0.9:40000";

SocketAddr at(const char* text) {
  return *SocketAddr::parse(text);
}

std::string far_ip(std::size_t index) {
  return "10.0.0." + std::to_string(3 + index);
}

std::string mesh(const LabOptions& options) {
  std::string out = "type: Mesh\nname: default\n";
  if (options.mtls) out += "mtls: {enabledBackend: ca, backends: [{name: ca, type: builtin}]}\n";
  out += "---\n";
  out += R"(
type: Dataplane
name: web
mesh: default
labels: {app: web}
sluice: {node: n1, attach: {netns: /run/netns/web}}
networking:
  address: 10.0.0.1
  inbound: [{port: 7, tags: {kuma.io/service: web, role: front, kuma.io/zone: east, rack: r1}}]
  outbound:
    - {port: 9001, tags: {kuma.io/service: api}}
    - {port: 9002, FAR}
    - {port: 9003, tags: {kuma.io/service: db}}
---
type: Dataplane
name: api
mesh: default
labels: {app: api}
sluice: {node: n1, attach: {netns: /run/netns/api}}
networking:
  address: 10.0.0.2
  inbound: [{port: 80, servicePort: 8080, tags: {kuma.io/service: api, kuma.io/protocol: PROTOCOL}}]
---
type: MeshTrafficPermission
name: everybody
mesh: default
spec:
  targetRef: {kind: Mesh}
  from: [{targetRef: {kind: Mesh}, default: {action: Allow}}]
---
)";
  for (std::size_t i = 0; i < options.far_endpoints; ++i) {
    const std::string number = i == 0 ? "" : "-" + std::to_string(i + 1);
    const std::string tags = std::string("kuma.io/zone: ") + (i < 2 ? "east" : "west") + ", rack: r" +
                             std::to_string(i + 1) + ", version: v" + std::to_string(i + 1);
    out += "type: Dataplane\nname: far" + number + "\nmesh: default\nnetworking:\n  address: " + far_ip(i) +
           "\n  inbound:\n    - {port: 80, tags: {kuma.io/service: far, kuma.io/protocol: PROTOCOL, " + tags +
           "}}\n    - {port: 83, tags: {kuma.io/service: db, " + tags + "}}\n---\n";
  }
  out.replace(out.find("FAR"), 3, options.far);
  for (std::size_t i = 0; (i = out.find("PROTOCOL")) != std::string::npos;)
    out.replace(i, 8, options.protocol);
  return out;
}

class RingClock final : public Clock {
 public:
  explicit RingClock(io::Ring& ring) : ring_(ring) {}
  MonoTime now() const override { return ring_.now(); }
  WallTime wall() const override { return WallTime(ring_.now().time_since_epoch()); }

 private:
  io::Ring& ring_;
};

class RingSockets final : public io::SocketSource {
 public:
  explicit RingSockets(io::Ring& ring) : ring_(ring) {}
  io::Task<Result<io::Socket>> make(std::uint32_t, io::SocketKind) override {
    co_return ring_.open_socket(at(kSelf));
  }

 private:
  io::Ring& ring_;
};

}  // namespace

HttpLab::HttpLab(const std::string& policies, const LabOptions& options)
    : options_(options),
      sim_(io::sim_seed(options.seed), options.faults),
      memory_(std::move(*make_flight_memory())),
      flight_(std::move(*FlightWriter::open(memory_.get(), 1))),
      reader_(std::move(*FlightReader::open(memory_.get()))),
      clock_(std::make_unique<RingClock>(ring())),
      sinks_{flight_, log_, *clock_, 0},
      sockets_(std::make_unique<RingSockets>(ring())),
      pool_(ring()),
      handshakes_(pool_),
      tunnels_(ring(), {}, {}, [](Metric, std::int64_t) {}),
      http_pool_(ring(), {}),
      limiter_(buckets_),
      endpoints_(options.seed),
      clusters_(endpoints_, options.seed),
      lua_(*clock_, {}),
      context_{ring(),    sinks_, *sockets_, handshakes_, tunnels_, http_pool_, limiter_,
               clusters_, lua_,   open_,     0,           {},       {}},
      application_(ring(), options.protocol == "grpc" || options.protocol == "http2"),
      operator_log_("proxy", options.log),
      prober_(context_, endpoints_, operator_log_, [this](const message::HealthEvent& event) {
        if (health_events_.size() >= options_.health_events_max) return false;
        health_events_.push_back(event);
        return true;
      }) {
  for (std::size_t i = 1; i < options.far_endpoints; ++i)
    others_.push_back(
        std::make_unique<Application>(ring(), options.protocol == "grpc" || options.protocol == "http2"));
  context_.random = upstream::Random(options.seed);
  put_into_force(policies);
}

HttpLab::~HttpLab() = default;

std::shared_ptr<const policy::Table> HttpLab::table(const std::string& policies) {
  const auto checked = policy::check_text(mesh(options_) + policies, "lab.yaml");
  EXPECT_FALSE(checked.diagnostics.has_errors()) << checked.diagnostics.text();
  const auto compiled = policy::compile({checked.resources, "n1", {}, options_.hosts}, numbers_);
  EXPECT_TRUE(options_.warnings ? !compiled.diagnostics.has_errors() : compiled.diagnostics.list().empty())
      << compiled.diagnostics.text();
  auto made = policy::Table::decode(policy::encode(compiled.table));
  EXPECT_TRUE(made) << (made ? "" : made.error());
  return made ? *made : nullptr;
}

void HttpLab::put_into_force(const std::string& policies) {
  context_.snapshot.table = table(policies);
  limiter_.let_go(context_.snapshot.table.get());
  clusters_.follow(context_.snapshot.table);
  clusters_.watch_all(ring().now());
  context_.live.rejudge(*context_.snapshot.table);
}

SocketAddr HttpLab::address(Way way) {
  switch (way) {
    case Way::inbound:
      return at("10.0.0.2:80");
    case Way::outbound:
      return at("127.0.0.1:9002");
    case Way::bytes:
      return at("127.0.0.1:9003");
    default:
      return at("127.0.0.1:9001");
  }
}

io::Task<void> HttpLab::accept_all(io::Listener* listener, relay::Entrance entrance) {
  while (true) {
    auto socket = co_await listener->accept();
    if (socket)
      lives_.spawn(relay::run_connection(context_, entrance, std::move(*socket)));
    else if (socket.error().sys_errno == ECANCELED)
      co_return;
    else if (!co_await ring().sleep_for(Millis(1)))
      co_return;
  }
}

io::Task<void> HttpLab::serve(io::Task<void> scenario) {
  const auto count = std::make_shared<relay::ConnectionCount>();
  const auto entrance = [&](Direction direction, const char* name) {
    return relay::Entrance{direction, numbers_.workload("default", name), 15001, count};
  };
  io::Listener out_api = *ring().listen(address(Way::same_node));
  io::Listener out_far = *ring().listen(address(Way::outbound));
  io::Listener in_api = *ring().listen(address(Way::inbound));
  io::Listener app_api = *ring().listen(at("10.0.0.2:8080"));
  io::Listener out_db = *ring().listen(address(Way::bytes));
  std::deque<io::Listener> app_far;
  std::vector<Application*> far_applications;
  for (std::size_t i = 0; i < options_.far_endpoints; ++i) {
    if (options_.down.contains(i)) continue;
    for (const char* port : {":80", ":83"}) {
      app_far.push_back(*ring().listen(at((far_ip(i) + port).c_str())));
      far_applications.push_back(&far(i));
    }
  }
  io::Scope servers;
  servers.spawn(accept_all(&out_api, entrance(Direction::outbound, "web")));
  servers.spawn(accept_all(&out_far, entrance(Direction::outbound, "web")));
  servers.spawn(accept_all(&out_db, entrance(Direction::outbound, "web")));
  servers.spawn(prober_.run());
  servers.spawn(accept_all(&in_api, entrance(Direction::inbound, "api")));
  io::Scope applications;
  applications.spawn(application_.run(&app_api));
  for (std::size_t i = 0; i < app_far.size(); ++i) applications.spawn(far_applications[i]->run(&app_far[i]));
  co_await std::move(scenario);
  (void)co_await ring().sleep_for(Millis(100));  // what has ended is noticed
  lives_.cancel();
  co_await lives_.join();
  servers.cancel();
  co_await servers.join();
  context_.copies.cancel();
  co_await context_.copies.join();
  context_.same_node.cancel();
  co_await context_.same_node.join();
  co_await http_pool_.close();
  co_await tunnels_.close();
  applications.cancel();
  co_await applications.join();
  co_await application_.end();
  for (const auto& other : others_) co_await other->end();
  EXPECT_EQ(count->open(), 0U);
}

void HttpLab::play(io::Task<void> scenario) {
  const auto finished = ring().run_task(serve(std::move(scenario)));
  EXPECT_TRUE(finished && *finished) << "it never ended";
  EXPECT_EQ(open_.open(), 0U);
  EXPECT_TRUE(reader_.live().empty());
}

FlightRow HttpLab::last_request() const {
  const auto rows = finished();
  const auto found = std::ranges::find_if(rows.rbegin(), rows.rend(),
                                          [](const FlightRow& row) { return row.method[0] != 0; });
  return found == rows.rend() ? FlightRow{} : *found;
}

FlightRow HttpLab::last_connection(Direction direction) const {
  const auto rows = finished();
  const auto found = std::ranges::find_if(rows.rbegin(), rows.rend(), [direction](const FlightRow& row) {
    return row.method[0] == 0 && row.direction == static_cast<std::uint8_t>(direction);
  });
  return found == rows.rend() ? FlightRow{} : *found;
}

std::string Client::Answer::field(std::string_view name) const {
  const std::string wanted = "\r\n" + std::string(name) + ": ";
  const std::size_t at = head.find(wanted);
  if (at == std::string::npos) return "";
  const std::size_t from = at + wanted.size();
  return head.substr(from, head.find("\r\n", from) - from);
}

io::Task<bool> Client::connect() {
  const SocketAddr to = HttpLab::address(way_);
  auto socket = lab_.ring().open_socket(to);
  if (!socket) co_return false;
  socket_.emplace(std::move(*socket));
  (void)socket_->bind(at(way_ == Way::inbound ? kOther : kSelf));
  const auto connected = co_await socket_->connect(to);
  if (!connected) socket_.reset();
  co_return connected.has_value();
}

io::Task<void> Client::send(std::string text) {
  if (!socket_ && !co_await connect()) co_return;
  (void)co_await socket_->send(std::as_bytes(std::span(text)));
}

io::Task<void> Client::finish() {
  if (socket_) (void)co_await socket_->shutdown_write();
}

io::Task<bool> Client::more() {
  if (!socket_) co_return false;
  const auto part = co_await socket_->recv();
  if (!part || part->empty()) co_return false;
  received_.append(reinterpret_cast<const char*>(part->bytes().data()), part->size());
  co_return true;
}

io::Task<Client::Answer> Client::read_answer() {
  Answer answer;
  std::size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!co_await more()) co_return answer;
  }
  answer.head = received_.substr(0, end + 4);
  received_.erase(0, end + 4);
  answer.status = std::atoi(answer.head.c_str() + 9);
  if (!answer.field("transfer-encoding").empty()) {
    while (true) {
      std::size_t line = 0;
      while ((line = received_.find("\r\n")) == std::string::npos)
        if (!co_await more()) co_return answer;
      const std::size_t size = std::strtoul(received_.c_str(), nullptr, 16);
      while (received_.size() < line + 2 + size + 2)
        if (!co_await more()) co_return answer;
      answer.body += received_.substr(line + 2, size);
      received_.erase(0, line + 2 + size + 2);
      if (size == 0) break;
    }
  } else {
    const std::size_t size = std::strtoul(answer.field("content-length").c_str(), nullptr, 10);
    bool ended = false;
    while (received_.size() < size && !ended) ended = !co_await more();
    answer.body = received_.substr(0, size);
    received_.erase(0, answer.body.size());
    if (ended) co_return answer;
  }
  answer.whole = true;
  co_return answer;
}

io::Task<Client::Answer> Client::ask(std::string path, std::string fields, std::string body) {
  const MonoTime began = lab_.ring().now();
  std::string text = (body.empty() ? "GET " : "POST ") + path + " HTTP/1.1\r\nhost: lab\r\n" + fields;
  if (!body.empty()) text += "content-length: " + std::to_string(body.size()) + "\r\n";
  co_await send(text + "\r\n" + body);
  auto answer = co_await read_answer();
  answer.took = lab_.ring().now() - began;
  co_return answer;
}

io::Task<bool> Client::ended() {
  while (socket_) {
    const auto part = co_await socket_->recv();
    if (!part) co_return false;
    if (part->empty()) co_return true;
  }
  co_return false;
}

io::Task<std::string> Client::raw(std::size_t bytes) {
  while (received_.size() < bytes) {
    if (!co_await more()) break;
  }
  co_return received_;
}

std::string at_api(const std::string& kind, const std::string& rules) {
  return "type: " + kind + "\nname: at-api\nmesh: default\nspec:\n" +
         "  targetRef: {kind: Dataplane, labels: {app: api}}\n  rules:\n" + rules + "---\n";
}

std::string towards(const std::string& kind, const std::string& service, const std::string& conf) {
  return "type: " + kind + "\nname: towards-" + service + "\nmesh: default\nspec:\n" +
         "  targetRef: {kind: MeshService, name: web}\n  to:\n    - targetRef: {kind: MeshService, name: " +
         service + "}\n      default: " + conf + "\n---\n";
}

std::string on_side(Side side, const std::string& kind, const std::string& conf) {
  if (side == Side::to) return towards(kind, "far", conf);
  if (side == Side::rules) return at_api(kind, "    - default: " + conf + "\n");
  return "type: " + kind + "\nname: at-api\nmesh: default\nspec:\n" +
         "  targetRef: {kind: Dataplane, labels: {app: api}}\n  from:\n" +
         "    - targetRef: {kind: Mesh}\n      default: " + conf + "\n---\n";
}

}  // namespace sluice::lab
