// TableImage: the compiled policy as plain data. The agent's compiler fills it, the codec carries it to the
// proxy, and Table indexes it. All references between parts are indexes, which Table::build() checks. Every
// list has a limit below; an image above a limit is refused as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/workload.h"
#include "policy/table/condition.h"
#include "policy/table/http_image.h"
#include "policy/table/http_inbound_image.h"
#include "policy/table/part_list.h"
#include "policy/table/rule.h"

namespace sluice::policy {

enum class Protocol : std::uint8_t { tcp, http, http2, grpc, kafka };
enum class TlsMode : std::uint8_t {
  off,         // the mesh has no mTLS: relay as it is, check nothing
  permissive,  // mesh TLS is authenticated and checked, anything else passes
  strict       // nothing but mesh TLS
};
enum class PassthroughMode : std::uint8_t { all, matched, none };

// A duration and the rule that set it. Zero means: no limit.
struct Timeout {
  Nanos value{};
  RuleIndex rule = RuleIndex::built_in;
  bool operator==(const Timeout&) const = default;
};

enum class PermissionAction : std::uint8_t { deny, allow, allow_shadow_deny };

// Matches when all conditions match. `from` items with kind Mesh have no condition and match everybody.
struct PermissionRule {
  PermissionAction action = PermissionAction::deny;
  std::vector<Condition> conditions;
  RuleIndex rule = RuleIndex::built_in;
  bool operator==(const PermissionRule&) const = default;
};

// What MeshTrafficPermission says about one inbound. No rule at all denies everybody.
struct Permissions {
  enum class Order : std::uint8_t {
    deny_first,      // `rules`: any deny, else any allow, else deny
    strongest_first  // `from` (2.x): the first matching rule decides, else deny
  };
  Order order = Order::deny_first;
  std::vector<PermissionRule> rules;
  bool operator==(const Permissions&) const = default;
};

struct InboundImage {
  SocketAddr address;  // what clients dial
  SocketAddr
      service_address;  // where the application listens; unspecified ip: at the address that was dialled
  std::string name;     // section name: the inbound's name or its port
  Protocol protocol = Protocol::tcp;
  TlsMode tls_mode = TlsMode::off;
  bool ready = true;                    // false: not offered to clients, still admitted
  std::uint32_t permissions = 0;        // index into TableImage::permissions; meaningless under TlsMode::off
  std::vector<std::string> identities;  // SPIFFE IDs of which a client expects one here
  Timeout connect_timeout;              // proxy to application
  Timeout idle_timeout;
  std::vector<HeaderField> tags = {};  // only in meshes with a policy that chooses hosts by their tags
  std::uint32_t http = kNone;          // index into TableImage::http_inbounds; kNone: bytes are relayed
  std::uint32_t cluster = kNone;       // index into TableImage::clusters: limits towards the application
  ConnectionRate connection_rate = {};
  bool operator==(const InboundImage&) const = default;
};

// A destination outside the mesh that MeshPassthrough names. first_port 0: every port.
struct PassthroughMatch {
  Prefix prefix;
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0;
  RuleIndex rule = RuleIndex::built_in;
  bool operator==(const PassthroughMatch&) const = default;
};

// How a server outside the mesh is spoken TLS to: `tls` of a MeshExternalService.
struct ExternalTls {
  enum class Version : std::uint8_t { any, tls10, tls11, tls12, tls13 };
  struct Name {
    bool prefix = false;
    std::string value;
    bool operator==(const Name&) const = default;
  };
  bool check_chain = true;
  bool check_names = true;
  std::string server_name;  // empty: the endpoint's own
  std::vector<Name> names;  // one of which the certificate must have; empty: the server name
  std::string authorities;  // PEM; empty: TableImage::system_authorities
  std::string chain;        // PEM, the client's own; empty: none
  std::string key;
  Version min = Version::any;
  Version max = Version::any;
  std::string trust;   // equal ones ask the same of a server
  std::string digest;  // equal ones are equal in everything
  bool operator==(const ExternalTls&) const = default;
};

struct WorkloadImage {
  WorkloadId id = WorkloadId::none;  // none: not local
  std::string name;                  // the Dataplane's name
  std::uint32_t mesh = 0;
  std::string zone;                   // empty: not known
  bool local = false;                 // enrolled on this node
  bool mtls = false;                  // has an identity: encrypts and is checked
  bool encrypt_same_node = false;     // local: no short cut to or from it, mesh TLS over the network instead
  bool external = false;              // the endpoints of a MeshExternalService: reached by way of it only
  std::vector<ExternalTls> tls;       // external: at most one; empty: plaintext
  TlsMode undeclared = TlsMode::off;  // ports that no inbound declares; strict refuses them
  std::vector<IpAddr> addresses;      // from which it may speak
  std::vector<std::string> identities;  // every URI of its certificate, SPIFFE IDs first
  std::vector<InboundImage> inbounds;
  PassthroughMode passthrough = PassthroughMode::all;
  RuleIndex passthrough_rule = RuleIndex::built_in;
  std::vector<PassthroughMatch> passthrough_matches;  // only for PassthroughMode::matched
  Timeout passthrough_connect_timeout;
  Timeout passthrough_idle_timeout;
  std::uint32_t max_connections = 0;  // 0: only the node's limit
  bool operator==(const WorkloadImage&) const = default;
};

std::vector<std::byte> part_bytes(const WorkloadImage& workload);

struct BackendImage {
  std::uint32_t workload = 0;  // index into TableImage::workloads
  std::uint32_t inbound = 0;   // index into its inbounds
  bool operator==(const BackendImage&) const = default;
};

struct ServiceImage {
  std::string name;
  std::uint32_t mesh = 0;
  Protocol protocol = Protocol::tcp;
  std::vector<BackendImage> backends;
  std::vector<SocketAddr> vips;  // every client of the mesh reaches it here
  bool operator==(const ServiceImage&) const = default;
};

std::vector<std::byte> part_bytes(const ServiceImage& service);

// What one local client workload has for one service: its declared listening addresses, its timeouts, and
// what it does with requests and endpoints.
struct OutboundImage {
  std::uint32_t workload = 0;         // index into TableImage::workloads
  std::uint32_t service = 0;          // index into TableImage::services
  std::vector<SocketAddr> addresses;  // declared outbounds of the Dataplane, loopback included; may be empty
  Timeout connect_timeout;
  Timeout idle_timeout;
  std::uint32_t http = kNone;               // index into TableImage::http_outbounds; kNone: bytes are relayed
  std::uint32_t cluster = kNone;            // index into TableImage::clusters; kNone: nothing was said
  std::vector<WeightedBackend> split = {};  // MeshTCPRoute, for bytes; empty: the service itself
  RuleIndex split_rule = RuleIndex::built_in;
  bool operator==(const OutboundImage&) const = default;
};

struct TableImage {
  std::vector<RuleRef> rules{RuleRef{}};
  std::vector<std::string> meshes;
  std::string system_authorities;  // PEM; empty where no part needs them
  std::string system_authorities_digest;
  std::vector<Permissions> permissions;
  PartList<WorkloadImage> workloads;
  PartList<ServiceImage> services;
  std::vector<OutboundImage> outbounds;
  // Shared by all that are equal.
  std::vector<HttpOutboundImage> http_outbounds;
  std::vector<ClusterImage> clusters;
  std::vector<HttpInboundImage> http_inbounds;
  bool operator==(const TableImage&) const = default;
};

inline constexpr std::uint32_t kMaxRules = 1U << 20;
inline constexpr std::uint32_t kMaxMeshes = 1024;
inline constexpr std::uint32_t kMaxPermissionSets = 1U << 18;
inline constexpr std::uint32_t kMaxPermissionRules = 1U << 18;  // in one set
inline constexpr std::uint32_t kMaxConditions = 64;             // in one rule
inline constexpr std::uint32_t kMaxWorkloads = 1U << 18;
inline constexpr std::uint32_t kMaxServices = 1U << 18;
inline constexpr std::uint32_t kMaxOutbounds = 1U << 20;
inline constexpr std::uint32_t kMaxListPerWorkload = 1U << 14;
inline constexpr std::uint32_t kMaxBackends = 1U << 18;
inline constexpr std::uint32_t kMaxText = 2048;    // bytes of one name, URI or path
inline constexpr std::uint32_t kMaxRoutes = 4096;  // of one client workload to one service
inline constexpr std::uint32_t kMaxListPerRoute = 1024;
inline constexpr std::uint32_t kMaxMatchedRules = 4096;    // of one kind at one inbound
inline constexpr std::uint32_t kMaxRegexes = 4096;         // distinct ones in a table
inline constexpr std::uint32_t kMaxRegexBytes = 1U << 20;  // of memory for one of them
inline constexpr std::uint32_t kMaxLuaFilters = 64;        // at one inbound
inline constexpr std::uint32_t kMaxLuaCode = 256U << 10;   // bytes
inline constexpr std::uint32_t kMaxAuthorities = 1024;     // to judge servers outside the mesh by
inline constexpr std::uint32_t kMaxPem = 1U << 20;         // bytes of certificates or a key
inline constexpr std::size_t kMaxImageBytes = std::size_t{256} << 20;

}  // namespace sluice::policy
