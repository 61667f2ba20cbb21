// A node on the simulated ring whose policy comes from documents: what a policy says is seen by clients and
// applications, in simulated time. The workloads:
//   web    the client, 10.0.0.1, of this node; it dials services at 127.0.0.1
//   api    a server, 10.0.0.2, of this node; its application listens at port 8080
//   far    a server, 10.0.0.3, of another node, played by the application itself; with
//          LabOptions::far_endpoints further ones, far-2 at 10.0.0.4, far-3 at 10.0.0.5 ..., each with an
//          application of its own. web and far are in zone east and rack r1, far-2 in east and r2, the others
//          in zone west
//   db     a service of bytes at the same addresses, port 83
// Way says who dials whom; under `mtls` web's identity is proved to api (same node), and far is out of reach.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/flight.h"
#include "base/log.h"
#include "policy/engine/compile.h"
#include "relay/connection.h"
#include "relay/prober.h"
#include "tests/sim/requests/lab_application.h"
#include "tests/support/sim_ring.h"

namespace sluice::lab {

enum class Way : std::uint8_t {
  outbound,   // web's policy: web dials far
  inbound,    // api's policy: somebody dials api
  same_node,  // both: web dials api
  bytes,      // web dials db
};

struct LabOptions {
  bool mtls = false;
  std::string protocol = "http";
  std::uint64_t seed = 1;
  io::SimFaults faults{};
  std::size_t far_endpoints = 1;
  std::set<std::size_t> down{};                      // those of them that do not listen
  bool warnings = false;                             // the documents may be warned of
  LogLevel log = LogLevel::error;                    // of the operator's log, on standard error
  policy::HostAddresses hosts{};                     // what names stand for
  std::size_t health_events_max = 1000;              // the others are lost
  std::string far = "tags: {kuma.io/service: far}";  // where web's outbound of that name leads
};

class HttpLab {
 public:
  explicit HttpLab(const std::string& policies, const LabOptions& options = {});
  ~HttpLab();

  io::Ring& ring() { return sim_.ring(); }
  io::SimRing& sim() { return sim_; }
  // Once: plays it with everything listening; fails the test when it does not end, or leaves something
  // behind.
  void play(io::Task<void> scenario);
  // The documents' policies are replaced; connections are judged as a worker does it.
  void put_into_force(const std::string& policies);

  Application& application() { return application_; }
  // The endpoints of far, the first of which is application().
  Application& far(std::size_t index) { return index == 0 ? application_ : *others_[index - 1]; }
  relay::Context& context() { return context_; }
  // Newest last.
  std::vector<FlightRow> finished() const { return reader_.finished(); }
  // The newest of those of requests; an empty one when there is none.
  FlightRow last_request() const;
  FlightRow last_connection(Direction direction) const;
  std::int64_t value(Metric metric) const { return reader_.value(metric); }
  // What health checks told of files; newest last.
  const std::vector<message::HealthEvent>& health_events() const { return health_events_; }
  std::uint64_t count(Reason reason) const { return reader_.count(reason); }

  static SocketAddr address(Way way);

 private:
  io::Task<void> serve(io::Task<void> scenario);
  io::Task<void> accept_all(io::Listener* listener, relay::Entrance entrance);
  std::shared_ptr<const policy::Table> table(const std::string& policies);

  LabOptions options_;
  io::SimRing sim_;
  Fd memory_;
  FlightWriter flight_;
  FlightReader reader_;
  relay::AccessLog log_{1, relay::AccessFormat::off, -1};
  std::unique_ptr<Clock> clock_;
  relay::RecordSinks sinks_;
  std::unique_ptr<io::SocketSource> sockets_;
  io::OffloadPool pool_;
  tls::Handshakes handshakes_;
  tunnel::Pool tunnels_;
  exchange::Pool http_pool_;
  upstream::Buckets buckets_;
  exchange::Limiter limiter_;
  upstream::Registry endpoints_;
  upstream::Clusters clusters_;
  exchange::LuaScripts lua_;
  relay::ConnectionCount open_;
  policy::Numbers numbers_;
  relay::Context context_;
  Application application_;
  std::vector<std::unique_ptr<Application>> others_;
  Log operator_log_;
  std::vector<message::HealthEvent> health_events_;
  relay::Prober prober_;
  io::Scope lives_;
};

// One connection of a client.
class Client {
 public:
  struct Answer {
    int status = 0;  // 0: the connection ended first
    std::string head;
    std::string body;
    bool whole = false;  // the body ended as its framing says
    Nanos took{};        // from ask() to its end
    std::string field(std::string_view name) const;
  };
  Client(HttpLab& lab, Way way) : lab_(lab), way_(way) {}

  io::Task<bool> connect();
  // Sends one request and reads its answer. Connects when it has not.
  io::Task<Answer> ask(std::string path, std::string fields = {}, std::string body = {});
  io::Task<void> send(std::string text);
  io::Task<void> finish();  // half-closes
  io::Task<Answer> read_answer();
  // Waits for the end of the connection: true when it was in order.
  io::Task<bool> ended();
  // What comes until `bytes` are there or the connection ends, nothing taken out.
  io::Task<std::string> raw(std::size_t bytes);
  void leave() { socket_.reset(); }  // closes

 private:
  io::Task<bool> more();
  HttpLab& lab_;
  Way way_;
  std::optional<io::Socket> socket_;
  std::string received_;
};

// Where a policy says its `default`: of what web asks of far, or of api's inbound.
enum class Side : std::uint8_t { to, rules, from };
inline Way way_of(Side side) {
  return side == Side::to ? Way::outbound : Way::inbound;
}
inline std::string name_of(Side side) {
  return side == Side::to ? "Outbound" : side == Side::rules ? "Inbound" : "InboundFrom";
}
std::string on_side(Side side, const std::string& kind, const std::string& conf);

// A document of `kind` that speaks of api's inbound, of requests to a service by web, in Kuma 3's form.
std::string at_api(const std::string& kind, const std::string& rules);
std::string towards(const std::string& kind, const std::string& service, const std::string& conf);

}  // namespace sluice::lab
