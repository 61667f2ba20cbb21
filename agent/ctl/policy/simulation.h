// What the proxies of all given documents would do, as if every Dataplane were enrolled on one node: the same
// compiler and the same table as the daemon's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/reason.h"
#include "base/result.h"
#include "policy/engine/world.h"
#include "policy/table/explain_request.h"

namespace sluice::ctl {

// A connection that somebody imagines.
struct Flow {
  std::string mesh = "default";
  std::string from;        // a Dataplane, or a kuma.io/service (its first Dataplane)
  std::string to;          // a Dataplane, a service, a MeshService or an address
  std::uint16_t port = 0;  // 0: the only or first one
  std::optional<policy::ImaginedRequest> request;
};

// "Name: value" to a header field; nothing when it is none.
std::optional<policy::HeaderField> header_field(const std::string& text);

// "backend", "backend:8080", "10.0.0.1:80", "[fd00::1]:80" to name and port.
std::pair<std::string, std::uint16_t> split_destination(const std::string& text);

// What one policy kind sets for the flow.
struct Setting {
  std::string kind;
  bool inbound = false;  // at the server, else at the client
  policy::Node conf;
  std::vector<policy::RuleRef> origins;  // weakest first
};

// One server that may get the connection, and whether it lets it in.
struct Endpoint {
  std::string server;
  SocketAddr address;
  policy::Explanation admission;
};

struct FlowAnswer {
  std::string client;   // the Dataplane
  SocketAddr dialled;   // what the client connects to
  std::string service;  // empty: an address
  policy::Explanation outbound;
  Nanos connect_timeout{};
  Nanos idle_timeout{};
  std::vector<Endpoint> endpoints;  // of the request's route if there is one; at most kMaxEndpoints; empty
                                    // outside the mesh
  // The route that the flow's request takes; nothing also when no requests are looked for on this way.
  std::optional<policy::RequestExplanation> request;
  std::vector<std::string> backends;  // names of the services that the request may go to; "none": a 500
  std::vector<Setting> settings;      // in the order in which Kuma applies the kinds

  static constexpr std::size_t kMaxEndpoints = 64;
  // The request's route has no endpoint at all.
  bool leads_nowhere() const;
  // "allow", "deny", or "mixed" when servers of one service answer differently.
  std::string verdict() const;
  // Of the first refusal; Reason::none when all is allowed.
  Reason reason() const;
  // What decided: of the first refusal, else of the first endpoint or the way out. Empty: a default.
  policy::RuleRef rule() const;
};

class Simulation {
 public:
  static Outcome<Simulation> of(std::vector<policy::Resource> resources, policy::Dialect dialect);

  // A fault: a name that means nothing here.
  Outcome<FlowAnswer> ask(const Flow& flow) const;
  const policy::World& world() const { return *world_; }
  const policy::Table& table() const { return *table_; }

 private:
  Simulation() = default;

  std::unique_ptr<std::vector<policy::Resource>> resources_;
  std::unique_ptr<policy::World> world_;
  std::shared_ptr<const policy::Table> table_;
};

}  // namespace sluice::ctl
