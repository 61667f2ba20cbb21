// What Table answers: a Permit to connect to one address, or a Refusal that names its rule. Everything here
// borrows from the Table: it is valid as long as the caller holds that table's shared_ptr. Nothing allocates.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/address.h"
#include "base/clock.h"
#include "base/reason.h"
#include "base/workload.h"
#include "policy/table/image.h"
#include "policy/table/rule.h"

namespace sluice::policy {

class HttpRoutes;  // route_index.h
class Table;

// The authenticated other end, as its certificate and ClientHello gave it.
struct Peer {
  std::span<const std::string> spiffe_uris;
  std::span<const std::string> kuma_uris;
  std::string_view sni;
};

struct Refusal {
  Reason reason = Reason::internal_error;
  const RuleRef* rule = nullptr;  // never null when Table made it; an empty policy name: a built-in default
};

// The right to open one connection. Only Table makes one, so code that connects without asking does not
// compile.
class Permit {
 public:
  enum class Kind : std::uint8_t {
    mesh,         // outbound to a workload of the mesh
    passthrough,  // outbound to an address outside the mesh
    application   // inbound to the workload's own application
  };

  Kind kind() const { return kind_; }
  const UpstreamAddr& address() const { return address_; }
  // mesh: the workload that serves there; application: the workload itself; passthrough: none.
  WorkloadId server() const { return server_; }
  // The server runs on this node and neither end demands encryption all the same: take the short cut
  // (Table::admit with the client's identity) instead of the network.
  bool short_cut() const { return is_local(server_) && kind_ == Kind::mesh && !encrypt_same_node_; }
  // mesh: encrypt, and accept the server only if its certificate carries one of expected_identities().
  bool encrypt() const { return encrypt_; }
  // mesh: of which MeshExternalService it is an endpoint, as a number; 0: of none.
  std::uint64_t external() const { return external_; }
  // mesh: TLS to that endpoint (null: plaintext), and how a document names it: a host name or an address.
  const ExternalTls* external_tls() const { return external_tls_; }
  std::string_view external_name() const { return external_name_; }
  std::span<const std::string> expected_identities() const { return expected_identities_; }
  Protocol protocol() const { return protocol_; }
  Nanos connect_timeout() const { return connect_timeout_; }  // 0: none
  Nanos idle_timeout() const { return idle_timeout_; }        // 0: none
  // application: a rule with AllowWithShadowDeny would have refused.
  bool shadow_denied() const { return shadow_denied_; }
  // application: what is done with requests; null: bytes are relayed.
  const HttpInboundImage* http() const { return http_; }
  // application: limits towards the application; null: none.
  const ClusterImage* cluster() const { return cluster_; }
  // The rule that allowed it; an empty policy name: a built-in default.
  const RuleRef& rule() const { return *rule_; }

 private:
  friend class Table;
  friend class OutboundRoute;
  Permit() = default;

  Kind kind_ = Kind::passthrough;
  bool encrypt_ = false;
  bool encrypt_same_node_ = false;
  bool shadow_denied_ = false;
  Protocol protocol_ = Protocol::tcp;
  std::uint64_t external_ = 0;
  const ExternalTls* external_tls_ = nullptr;
  std::string_view external_name_;
  WorkloadId server_ = WorkloadId::none;
  UpstreamAddr address_;
  std::span<const std::string> expected_identities_;
  Nanos connect_timeout_{};
  Nanos idle_timeout_{};
  const HttpInboundImage* http_ = nullptr;
  const ClusterImage* cluster_ = nullptr;
  const RuleRef* rule_ = nullptr;
};

// Where an outbound connection may go: one address outside the mesh, or the endpoints of a service. The
// caller picks an endpoint and asks for its permit; it may ask again for another one when the first cannot be
// reached.
class OutboundRoute {
 public:
  bool is_mesh() const { return mesh_; }
  std::string_view service() const { return service_; }  // empty when an address was dialled directly
  // Index into TableImage::services; kNone when an address was dialled directly.
  std::uint32_t service_index() const { return service_index_; }
  // Zero only when http() or split() lead to other services.
  std::size_t size() const { return service_index_ == kNone ? 1 : backends_.size(); }
  // Precondition: index < size().
  Permit permit(std::size_t index) const;

  // The routes for requests; null: bytes are relayed.
  const HttpRoutes* http() const;
  // How the endpoints are used; null: nothing was said.
  const ClusterImage* cluster() const;
  // Among which services connections of bytes are shared out, and the rule that says so; empty: to this one.
  std::span<const WeightedBackend> split() const;
  const RuleRef& split_rule() const;
  const WorkloadImage& client() const { return *client_; }
  struct Endpoint {
    const WorkloadImage& workload;
    const InboundImage& inbound;
  };
  // Precondition: is_mesh(), index < size().
  Endpoint endpoint(std::size_t index) const;

 private:
  friend class Table;
  OutboundRoute() = default;
  const BackendImage& backend(std::size_t index) const {
    return direct_ == nullptr ? backends_[index] : *direct_;
  }

  const Table* table_ = nullptr;
  const WorkloadImage* client_ = nullptr;
  const OutboundImage* outbound_ = nullptr;  // null: nothing was said of the service
  bool mesh_ = false;
  std::string_view service_;
  std::uint32_t service_index_ = kNone;
  std::span<const BackendImage> backends_;  // service
  const BackendImage* direct_ = nullptr;    // mesh and no service: this endpoint
  SocketAddr destination_;                  // passthrough
  Nanos connect_timeout_{};
  Nanos idle_timeout_{};
  const RuleRef* rule_ = nullptr;
};

using OutboundDecision = std::variant<OutboundRoute, Refusal>;
using InboundDecision = std::variant<Permit, Refusal>;

// How to treat an inbound connection before the peer is known.
struct InboundView {
  TlsMode tls_mode = TlsMode::off;
  Protocol protocol = Protocol::tcp;
  bool declared = false;     // false: no inbound of the workload has this address and port
  std::string_view section;  // inbound name; empty when not declared
  Nanos idle_timeout{};
  const HttpInboundImage* http = nullptr;           // null: bytes are relayed
  const ClusterImage* cluster = nullptr;            // null: no limits towards the application
  const ConnectionRate* connection_rate = nullptr;  // null: no limit
};

// Do the conditions hold for this peer? Null: it is not authenticated.
bool all_hold(std::span<const Condition> conditions, const Peer* peer);
// Null when nothing was said that concerns this peer.
const HttpTimeouts* timeouts_for(const HttpInboundImage& inbound, const Peer* peer);
const RateLimit* rate_limit_for(const HttpInboundImage& inbound, const Peer* peer);

// A live connection as the proxy remembers it, for recheck() after a table swap.
struct LiveFlow {
  enum class Direction : std::uint8_t { outbound, inbound };
  Direction direction = Direction::outbound;
  WorkloadId workload =
      WorkloadId::none;  // the local workload whose client (outbound) or server (inbound) this is
  OrigDst orig_dst;
  UpstreamAddr upstream;       // outbound: the endpoint in use
  ClientAddr client;           // inbound
  const Peer* peer = nullptr;  // inbound: null for plaintext
  bool unread = false;         // relayed as bytes
  std::uint64_t external = 0;  // outbound: Permit::external()
};

}  // namespace sluice::policy
