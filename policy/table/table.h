// Table: every decision the proxy makes, immutable, lock-free, without allocation. One generation is one
// shared_ptr<const Table>; workers swap the pointer between operations and keep the old one as long as they
// borrow from it. Lookups are hash lookups over indexes that build() makes once.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/workload.h"
#include "policy/table/decision.h"
#include "policy/table/image.h"
#include "policy/table/table_check.h"

namespace sluice::policy {

struct TableIndex;  // hash indexes; table_index.h

class Table {
 public:
  // Checks every reference and limit of the image. The error says which part is wrong. `before`: an earlier
  // generation; what was checked, indexed and compiled for it is not done again where it did not change.
  static std::expected<std::shared_ptr<const Table>, std::string> build(TableImage image,
                                                                        const Table* before = nullptr);
  // From bytes of encode(); hostile bytes are refused in bounded time and memory. `before` as above, whose
  // parts are shared as well.
  static std::expected<std::shared_ptr<const Table>, std::string> decode(std::span<const std::byte> bytes,
                                                                         const Table* before = nullptr);
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // Same content, same hash; names a generation in logs and in `sluice status`. Stable between builds of one
  // version.
  std::uint64_t content_hash() const { return hash_; }
  const TableImage& image() const { return image_; }

  // The workload, or null when the table does not know it. One that is not local has the number that a Permit
  // of this table gave it.
  const WorkloadImage* workload(WorkloadId id) const;
  // True when some workload of `server`'s mesh speaks from this address (so it will open with a ClientHello
  // when the server has mTLS).
  bool enrolled_peer(WorkloadId server, const IpAddr& client) const;
  // True when a workload with this address carries one of the peer's SPIFFE IDs: a tunnel stream may claim
  // it.
  bool address_belongs(const IpAddr& address, const Peer& peer) const;

  // Outbound: where may `client` go that dialled `destination`? Refusals: workload_gone, no_endpoints,
  // unknown_destination.
  OutboundDecision route_outbound(WorkloadId client, const OrigDst& destination) const;
  // The same for a service that a route or a split of this table named. Refusals: workload_gone,
  // no_endpoints (kNone, too).
  OutboundDecision route_backend(WorkloadId client, std::uint32_t service) const;

  // The same for one of a route's split(), chosen by `turn` so that consecutive turns share out by weight.
  // What a route without a split gives is the route. The refusal names the rule of the split.
  OutboundDecision route_split(const OutboundRoute& route, std::uint64_t turn) const;

  // Inbound, before anything is read: how the first bytes are to be judged. Never refuses.
  InboundView inbound(WorkloadId server, const OrigDst& destination) const;
  // Inbound, once the peer is known (null: plaintext or the application's own TLS). Refusals: workload_gone,
  // undeclared_port, plaintext_refused, permission_denied.
  InboundDecision admit(WorkloadId server, const OrigDst& destination, const Peer* peer,
                        const ClientAddr& client) const;

  // Judges a live connection under this table: null when it may go on. Refusals as above; a permission that
  // went away becomes permission_denied_live, an external service that went away or asks for another TLS
  // external_changed. A connection whose endpoint left its service but is still in the mesh goes on.
  std::optional<Refusal> recheck(const LiveFlow& flow) const;

  const RuleRef& rule(RuleIndex index) const;

 private:
  friend class OutboundRoute;
  friend struct Explainer;
  Table();
  WorkloadId number_at(std::uint32_t place) const;
  OutboundRoute route_to_service(const WorkloadImage& client, std::uint32_t service) const;
  OutboundDecision route_outside(const WorkloadImage& client, const OrigDst& destination) const;
  const OutboundImage* apply_outbound_timeouts(const WorkloadImage& client, std::uint32_t service,
                                               OutboundRoute& route) const;
  std::optional<Refusal> must_be_read(std::span<const LuaFilter> filters) const;
  const HttpInboundImage* http_of(const InboundImage& inbound) const;
  const ClusterImage* cluster_of(std::uint32_t cluster) const;
  const PassthroughMatch* find_passthrough(const WorkloadImage& client, const SocketAddr& destination) const;
  const InboundImage* find_inbound(const WorkloadImage& server, const SocketAddr& destination) const;

  TableImage image_;
  References references_;
  std::unique_ptr<TableIndex> index_;
  std::uint64_t hash_ = 0;
};

}  // namespace sluice::policy
