#include "policy/table/table.h"

#include <algorithm>

#include "policy/table/codec.h"
#include "policy/table/route_index.h"
#include "policy/table/table_check.h"
#include "policy/table/table_index.h"

namespace sluice::policy {

Table::Table() = default;
Table::~Table() = default;

std::expected<std::shared_ptr<const Table>, std::string> Table::build(TableImage image, const Table* before) {
  std::shared_ptr<Table> table(new Table);
  std::shared_ptr<const Places> places;
  if (before != nullptr && same_places(image, before->image_)) places = before->index_->places;
  std::optional<CheckedImage> checked;
  if (before != nullptr) checked.emplace(before->image_, before->references_, places != nullptr);
  const auto problem = check_image(image, table->references_, checked ? &*checked : nullptr);
  if (!problem.empty()) return std::unexpected("table: " + problem);
  if (places == nullptr) places = std::make_shared<const Places>(image);
  table->hash_ = policy::content_hash(image);
  table->image_ = std::move(image);
  auto regexes = Regexes::of(table->image_, before == nullptr ? nullptr : &before->index_->regexes);
  if (!regexes) return std::unexpected(std::move(regexes.error()));
  table->index_ = std::make_unique<TableIndex>(table->image_, std::move(places), std::move(*regexes));
  return table;
}

std::expected<std::shared_ptr<const Table>, std::string> Table::decode(std::span<const std::byte> bytes,
                                                                       const Table* before) {
  auto image = decode_image(bytes, before == nullptr ? nullptr : &before->image_);
  if (!image) return std::unexpected(std::move(image.error()));
  return build(std::move(*image), before);
}

const RuleRef& Table::rule(RuleIndex index) const {
  return image_.rules[static_cast<std::uint32_t>(index)];
}

const WorkloadImage* Table::workload(WorkloadId id) const {
  const auto key = number(id);
  if (key >= kFirstRemoteWorkload) {
    const auto place = key - kFirstRemoteWorkload;
    return place < image_.workloads.size() && !image_.workloads[place].local ? &image_.workloads[place]
                                                                             : nullptr;
  }
  const auto* found = index_->places->locals.find(key);
  return found == nullptr ? nullptr : &image_.workloads[*found];
}

WorkloadId Table::number_at(std::uint32_t place) const {
  const auto& workload = image_.workloads[place];
  return workload.local ? workload.id : WorkloadId(kFirstRemoteWorkload + place);
}

bool Table::enrolled_peer(WorkloadId server, const IpAddr& client) const {
  const auto* self = workload(server);
  if (self == nullptr) return false;
  const auto& list = index_->places->by_address;
  for (const auto* link = list.find(client); link != nullptr; link = list.next(*link)) {
    const auto& peer = image_.workloads[link->number];
    if (peer.mesh == self->mesh && peer.mtls) return true;
  }
  return false;
}

bool Table::address_belongs(const IpAddr& address, const Peer& peer) const {
  const auto& list = index_->places->by_address;
  for (const auto* link = list.find(address); link != nullptr; link = list.next(*link)) {
    const auto& identities = image_.workloads[link->number].identities;
    const auto carried = [&](const std::string& uri) {
      return std::ranges::find(identities, uri) != identities.end();
    };
    if (std::ranges::any_of(peer.spiffe_uris, carried)) return true;
  }
  return false;
}

OutboundRoute Table::route_to_service(const WorkloadImage& client, std::uint32_t service) const {
  OutboundRoute route;
  route.table_ = this;
  route.client_ = &client;
  route.mesh_ = true;
  route.service_ = image_.services[service].name;
  route.service_index_ = service;
  route.backends_ = image_.services[service].backends;
  route.outbound_ = apply_outbound_timeouts(client, service, route);
  return route;
}

const OutboundImage* Table::apply_outbound_timeouts(const WorkloadImage& client, std::uint32_t service,
                                                    OutboundRoute& route) const {
  const auto* found = index_->outbounds.find((std::uint64_t{number(client.id)} << 32) | service);
  if (found == nullptr) {
    route.connect_timeout_ = client.passthrough_connect_timeout.value;
    route.idle_timeout_ = client.passthrough_idle_timeout.value;
    route.rule_ = &rule(client.passthrough_connect_timeout.rule);
    return nullptr;
  }
  const auto& outbound = image_.outbounds[*found];
  route.connect_timeout_ = outbound.connect_timeout.value;
  route.idle_timeout_ = outbound.idle_timeout.value;
  route.rule_ = &rule(outbound.connect_timeout.rule);
  return &outbound;
}

const PassthroughMatch* Table::find_passthrough(const WorkloadImage& client,
                                                const SocketAddr& destination) const {
  const auto scope = number(client.id);
  const auto lengths = index_->passthrough_lengths.find(scope);
  if (lengths == index_->passthrough_lengths.end()) return nullptr;
  for (const auto length : lengths->second) {
    const auto found = index_->passthrough.find({scope, {masked(destination.ip, length), length}});
    if (found == index_->passthrough.end()) continue;
    for (const auto number : found->second) {
      const auto& match = client.passthrough_matches[number];
      const bool every_port = match.first_port == 0;
      if (every_port || (match.first_port <= destination.port && destination.port <= match.last_port))
        return &match;
    }
  }
  return nullptr;
}

OutboundDecision Table::route_outside(const WorkloadImage& client, const OrigDst& destination) const {
  const RuleRef* deciding = &rule(client.passthrough_rule);
  if (client.passthrough == PassthroughMode::none) return Refusal{Reason::unknown_destination, deciding};
  if (client.passthrough == PassthroughMode::matched) {
    const auto* match = find_passthrough(client, destination);
    if (match == nullptr) return Refusal{Reason::unknown_destination, deciding};
    deciding = &rule(match->rule);
  }
  OutboundRoute route;
  route.table_ = this;
  route.client_ = &client;
  route.destination_ = destination;
  route.connect_timeout_ = client.passthrough_connect_timeout.value;
  route.idle_timeout_ = client.passthrough_idle_timeout.value;
  route.rule_ = deciding;
  return route;
}

OutboundDecision Table::route_outbound(WorkloadId client_id, const OrigDst& destination) const {
  const auto* client = workload(client_id);
  if (client == nullptr) return Refusal{Reason::workload_gone, &rule(RuleIndex::built_in)};

  std::optional<std::uint32_t> service;
  if (const auto* found = index_->declared.find({number(client_id), destination})) {
    service = image_.outbounds[*found].service;
  } else if (const auto* vip = index_->places->vips.find({client->mesh, destination})) {
    service = *vip;
  }
  if (service) {
    auto route = route_to_service(*client, *service);
    // Requests, or a split, may go to other services.
    if (route.size() > 0 || route.http() != nullptr || !route.split().empty()) return route;
    return Refusal{Reason::no_endpoints, &rule(RuleIndex::built_in)};
  }

  const auto* endpoint = index_->places->endpoints.find({client->mesh, destination});
  if (endpoint == nullptr) return route_outside(*client, destination);
  OutboundRoute route;
  route.table_ = this;
  route.client_ = client;
  route.mesh_ = true;
  route.direct_ = &endpoint->backend;
  apply_outbound_timeouts(*client, endpoint->service, route);
  return route;
}

Permit OutboundRoute::permit(std::size_t index) const {
  Permit permit;
  permit.connect_timeout_ = connect_timeout_;
  permit.idle_timeout_ = idle_timeout_;
  permit.rule_ = rule_;
  if (!mesh_) {
    permit.address_ = UpstreamAddr(destination_);
    return permit;
  }
  const auto& [server, inbound] = endpoint(index);
  permit.kind_ = Permit::Kind::mesh;
  permit.server_ = table_->number_at(backend(index).workload);
  permit.address_ = UpstreamAddr(inbound.address);
  if (server.external) {
    permit.external_ = external_key(table_->image_, server);
    permit.external_tls_ = server.tls.empty() ? nullptr : &server.tls.front();
    permit.external_name_ = inbound.name;
  }
  permit.encrypt_ = client_->mtls && server.mtls;
  permit.encrypt_same_node_ = permit.encrypt_ && (client_->encrypt_same_node || server.encrypt_same_node);
  permit.expected_identities_ = inbound.identities.empty() ? std::span<const std::string>(server.identities)
                                                           : std::span<const std::string>(inbound.identities);
  permit.protocol_ = inbound.protocol;
  return permit;
}

namespace {

// For explanations: their own node decides.
const InboundImage* find_remote_inbound(const WorkloadImage& server, const SocketAddr& destination) {
  const auto exact = std::ranges::find(server.inbounds, destination, &InboundImage::address);
  if (exact != server.inbounds.end()) return &*exact;
  const auto port = std::ranges::find(server.inbounds, destination.port,
                                      [](const InboundImage& one) { return one.address.port; });
  return port == server.inbounds.end() ? nullptr : &*port;
}

}  // namespace

const InboundImage* Table::find_inbound(const WorkloadImage& server, const SocketAddr& destination) const {
  if (!server.local) return find_remote_inbound(server, destination);
  const auto& list = index_->places->inbounds;
  const auto* first = list.find((std::uint64_t{number(server.id)} << 16) | destination.port);
  if (first == nullptr) return nullptr;
  for (const auto* link = first; link != nullptr; link = list.next(*link)) {
    if (server.inbounds[link->number].address.ip == destination.ip) return &server.inbounds[link->number];
  }
  // Another address of the same workload: the port's protection must not depend on the address that was
  // dialled.
  return &server.inbounds[first->number];
}

InboundView Table::inbound(WorkloadId server_id, const OrigDst& destination) const {
  const auto* server = workload(server_id);
  if (server == nullptr) return {};
  const auto* inbound = find_inbound(*server, destination);
  if (inbound == nullptr) {
    return {server->undeclared, Protocol::tcp, false, {}, server->passthrough_idle_timeout.value};
  }
  return {inbound->tls_mode,
          inbound->protocol,
          true,
          inbound->name,
          inbound->idle_timeout.value,
          http_of(*inbound),
          cluster_of(inbound->cluster),
          inbound->connection_rate.num == 0 ? nullptr : &inbound->connection_rate};
}

InboundDecision Table::admit(WorkloadId server_id, const OrigDst& destination, const Peer* peer,
                             const ClientAddr&) const {
  const RuleRef* built_in = &rule(RuleIndex::built_in);
  const auto* server = workload(server_id);
  if (server == nullptr) return Refusal{Reason::workload_gone, built_in};
  const auto* inbound = find_inbound(*server, destination);

  Permit permit;
  permit.kind_ = Permit::Kind::application;
  permit.server_ = server_id;
  permit.rule_ = built_in;
  if (inbound == nullptr) {
    if (server->undeclared == TlsMode::strict) return Refusal{Reason::undeclared_port, built_in};
    permit.address_ = UpstreamAddr(destination);
    permit.connect_timeout_ = server->passthrough_connect_timeout.value;
    permit.idle_timeout_ = server->passthrough_idle_timeout.value;
    return permit;
  }
  permit.address_ = UpstreamAddr(inbound->service_address);
  if (permit.address_.ip.is_unspecified()) permit.address_.ip = destination.ip;
  permit.protocol_ = inbound->protocol;
  permit.connect_timeout_ = inbound->connect_timeout.value;
  permit.idle_timeout_ = inbound->idle_timeout.value;
  permit.http_ = http_of(*inbound);
  permit.cluster_ = cluster_of(inbound->cluster);
  if (inbound->tls_mode == TlsMode::off) return permit;
  if (peer == nullptr) {
    if (inbound->tls_mode == TlsMode::strict) return Refusal{Reason::plaintext_refused, built_in};
    return permit;
  }
  const auto* deciding = index_->permissions[inbound->permissions].find(*peer);
  if (deciding == nullptr) return Refusal{Reason::permission_denied, built_in};
  permit.rule_ = &rule(deciding->rule);
  if (deciding->action == PermissionAction::deny) return Refusal{Reason::permission_denied, permit.rule_};
  permit.shadow_denied_ = deciding->action == PermissionAction::allow_shadow_deny;
  return permit;
}

// What passes unread would pass by a filter that refuses what it cannot judge.
std::optional<Refusal> Table::must_be_read(std::span<const LuaFilter> filters) const {
  const auto strict = std::ranges::find(filters, false, &LuaFilter::fail_open);
  if (strict == filters.end()) return std::nullopt;
  return Refusal{Reason::lua_live, &rule(strict->rule)};
}

std::optional<Refusal> Table::recheck(const LiveFlow& flow) const {
  if (flow.direction == LiveFlow::Direction::inbound) {
    const auto decision = admit(flow.workload, flow.orig_dst, flow.peer, flow.client);
    const auto* refusal = std::get_if<Refusal>(&decision);
    if (refusal == nullptr) {
      const auto* http = std::get<Permit>(decision).http();
      return flow.unread && http != nullptr ? must_be_read(http->lua) : std::nullopt;
    }
    if (refusal->reason == Reason::permission_denied)
      return Refusal{Reason::permission_denied_live, refusal->rule};
    return *refusal;
  }
  if (flow.external != 0) {
    if (workload(flow.workload) == nullptr) return Refusal{Reason::workload_gone, &rule(RuleIndex::built_in)};
    if (index_->places->externals.find(flow.external) == nullptr)
      return Refusal{Reason::external_changed, &rule(RuleIndex::built_in)};
    // One of the pool carries the requests of many.
    if (SocketAddr(flow.orig_dst) == SocketAddr(flow.upstream)) return std::nullopt;
  }
  const auto decision = route_outbound(flow.workload, flow.orig_dst);
  const auto* refusal = std::get_if<Refusal>(&decision);
  if (refusal == nullptr) {
    const auto* http = std::get<OutboundRoute>(decision).http();
    return flow.unread && http != nullptr ? must_be_read(http->lua()) : std::nullopt;
  }
  if (refusal->reason == Reason::no_endpoints) return std::nullopt;
  return *refusal;
}

}  // namespace sluice::policy
