#include "ctl/policy/simulation.h"

#include <algorithm>
#include <charconv>

#include "ctl/policy/settings.h"
#include "policy/engine/compile.h"

namespace sluice::ctl {
namespace {

constexpr const char* kNode = "offline";

struct PeerNames {
  explicit PeerNames(const policy::WorkloadImage& workload) {
    for (const auto& uri : workload.identities) (uri.starts_with("kuma://") ? kuma : spiffe).push_back(uri);
  }
  policy::Peer peer() const { return {spiffe, kuma, {}}; }

  std::vector<std::string> spiffe, kuma;
};

class Asker {
 public:
  Asker(const policy::World& world, const policy::Table& table, const Flow& flow)
      : world_(world), table_(table), image_(table.image()), flow_(flow) {}

  Outcome<FlowAnswer> run() {
    const auto mesh = std::ranges::find(image_.meshes, flow_.mesh);
    if (mesh == image_.meshes.end()) return fault("there is no mesh " + flow_.mesh);
    mesh_ = static_cast<std::uint32_t>(mesh - image_.meshes.begin());
    flow_.from = full_name(flow_.from);
    flow_.to = full_name(flow_.to);
    client_ = find_client();
    if (client_ == nullptr)
      return fault("the mesh " + flow_.mesh + " has no Dataplane or service " + flow_.from);
    const auto destination = find_destination();
    if (!destination) return std::unexpected(destination.error());
    FlowAnswer out;
    out.client = client_->name;
    out.dialled = *destination;
    out.outbound = policy::explain_outbound(table_, client_->id, OrigDst(*destination));
    const auto decision = table_.route_outbound(client_->id, OrigDst(*destination));
    if (const auto* route = std::get_if<policy::OutboundRoute>(&decision)) follow(*route, out);
    add_settings(world_.meshes.find(flow_.mesh)->second, out);
    return out;
  }

 private:
  bool here(const policy::WorkloadImage& workload) const { return workload.mesh == mesh_; }

  // On Kubernetes a Dataplane's name ends with its namespace, which may be left out where it is clear.
  std::string full_name(const std::string& name) const {
    std::string found;
    for (const auto& dataplane : world_.meshes.find(flow_.mesh)->second.dataplanes) {
      const auto& resource = *dataplane.resource;
      if (resource.name == name || (resource.display_name == name && !found.empty())) return name;
      if (resource.display_name == name) found = resource.name;
    }
    return found.empty() ? name : found;
  }

  const policy::WorkloadImage* find_client() const {
    for (const auto& workload : image_.workloads)
      if (here(workload) && workload.name == flow_.from) return &workload;
    if (const auto* service = find_service(flow_.from, 0); service != nullptr && !service->backends.empty())
      return &image_.workloads[service->backends.front().workload];
    return find_gateway();
  }

  // A gateway has its kuma.io/service beside its inbounds.
  const policy::WorkloadImage* find_gateway() const {
    const auto is_meant = [this](const policy::Tags& tags) {
      const auto service = tags.find("kuma.io/service");
      return service != tags.end() && service->second == flow_.from;
    };
    for (const auto& dataplane : world_.meshes.find(flow_.mesh)->second.dataplanes) {
      if (!std::ranges::any_of(dataplane.identity_tags, is_meant)) continue;
      for (const auto& workload : image_.workloads)
        if (here(workload) && workload.name == dataplane.resource->name) return &workload;
    }
    return nullptr;
  }

  // By the kuma.io/service tag, or a MeshService as "name:port" (also without the namespace of its name).
  const policy::ServiceImage* find_service(const std::string& name, std::uint16_t port) const {
    for (const auto& service : image_.services) {
      if (service.mesh != mesh_) continue;
      if (service.name == name) return &service;
    }
    const auto& mesh = world_.meshes.find(flow_.mesh)->second;
    for (const auto* resource : mesh.of_kind("MeshService")) {
      if (resource->name != name && resource->display_name != name) continue;
      for (const auto& section : sections_of(*resource, port))
        for (const auto& service : image_.services)
          if (service.mesh == mesh_ && service.name == resource->name + ":" + section) return &service;
    }
    return nullptr;
  }

  Outcome<SocketAddr> find_destination() const {
    if (const auto ip = IpAddr::parse(flow_.to)) return SocketAddr{*ip, flow_.port};
    for (const auto& workload : image_.workloads) {
      if (!here(workload) || workload.name != flow_.to) continue;
      for (const auto& inbound : workload.inbounds)
        if (flow_.port == 0 || inbound.address.port == flow_.port) return inbound.address;
      if (flow_.port != 0 && !workload.addresses.empty())
        return SocketAddr{workload.addresses.front(), flow_.port};
    }
    if (const auto* service = find_service(flow_.to, flow_.port)) return address_of(*service);
    return fault("the mesh " + flow_.mesh + " has no Dataplane, service or MeshService " + flow_.to +
                 (flow_.port == 0 ? "" : " with port " + std::to_string(flow_.port)));
  }

  // Where this client dials the service: its own outbound, a virtual address, or an endpoint itself.
  Outcome<SocketAddr> address_of(const policy::ServiceImage& service) const {
    for (const auto& outbound : image_.outbounds)
      if (&image_.workloads[outbound.workload] == client_ && &image_.services[outbound.service] == &service &&
          !outbound.addresses.empty())
        return outbound.addresses.front();
    if (!service.vips.empty()) return service.vips.front();
    for (const auto& backend : service.backends) {
      const auto& address = image_.workloads[backend.workload].inbounds[backend.inbound].address;
      if (flow_.port == 0 || address.port == flow_.port || service.name != flow_.to) return address;
    }
    return fault("service " + service.name + " has no ready endpoint that is reached by an address");
  }

  void follow(const policy::OutboundRoute& route, FlowAnswer& out) const {
    out.service = route.service();
    if (route.is_mesh() && flow_.request)
      out.request = policy::explain_request(table_, route, *flow_.request);
    if (!out.request) return add_way(route, out);
    for (const auto service : out.request->services) {
      out.backends.push_back(service == policy::kNone ? "none" : image_.services[service].name);
      if (service == policy::kNone) continue;
      const auto decision = table_.route_backend(client_->id, service);
      if (const auto* way = std::get_if<policy::OutboundRoute>(&decision)) add_way(*way, out);
    }
  }

  // A service that only leads to others has no endpoint of its own.
  void add_way(const policy::OutboundRoute& route, FlowAnswer& out) const {
    if (route.size() == 0) return;
    if (out.endpoints.empty()) {
      out.connect_timeout = route.permit(0).connect_timeout();
      out.idle_timeout = route.permit(0).idle_timeout();
    }
    if (!route.is_mesh()) return;
    const PeerNames names(*client_);
    const auto peer = names.peer();
    const SocketAddr source{client_->addresses.empty() ? IpAddr{} : client_->addresses.front(), 0};
    for (std::size_t i = 0; i < route.size() && out.endpoints.size() < FlowAnswer::kMaxEndpoints; ++i) {
      const auto permit = route.permit(i);
      const auto* server = table_.workload(permit.server());
      if (server == nullptr) continue;
      const OrigDst at(permit.address());
      out.endpoints.push_back({server->name, permit.address(),
                               policy::explain_admit(table_, server->id, at, client_->mtls ? &peer : nullptr,
                                                     ClientAddr(source))});
    }
  }

  const policy::World& world_;
  const policy::Table& table_;
  const policy::TableImage& image_;
  Flow flow_;
  std::uint32_t mesh_ = 0;
  const policy::WorkloadImage* client_ = nullptr;
};

}  // namespace

std::pair<std::string, std::uint16_t> split_destination(const std::string& text) {
  if (const auto full = SocketAddr::parse(text)) return {full->ip.text(), full->port};
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || text.find(':') != colon) return {text, 0};
  std::uint16_t port = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc() || rest != end) return {text, 0};
  return {text.substr(0, colon), port};
}

std::optional<policy::HeaderField> header_field(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == 0 || colon == std::string::npos) return std::nullopt;
  policy::HeaderField out{text.substr(0, colon), text.substr(colon + 1)};
  for (char& c : out.name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  out.value.erase(0, std::min(out.value.find_first_not_of(" \t"), out.value.size()));
  return out;
}

Outcome<Simulation> Simulation::of(std::vector<policy::Resource> resources, policy::Dialect dialect) {
  Simulation out;
  for (auto& resource : resources) {
    if (resource.kind != "Dataplane") continue;
    auto block = policy::Node::empty_mapping();
    block.set("node", policy::Node::of_text(kNode));
    resource.body.set("sluice", std::move(block));
  }
  out.resources_ = std::make_unique<std::vector<policy::Resource>>(std::move(resources));
  policy::Diagnostics diagnostics;
  out.world_ = std::make_unique<policy::World>(policy::World::from(*out.resources_, diagnostics, dialect));
  policy::Numbers numbers;
  auto compiled = policy::compile({*out.resources_, kNode, {}}, numbers);
  auto table = policy::Table::build(std::move(compiled.table));
  if (!table) return fault("the documents give no table: " + table.error());
  out.table_ = *std::move(table);
  return out;
}

Outcome<FlowAnswer> Simulation::ask(const Flow& flow) const {
  return Asker(*world_, *table_, flow).run();
}

}  // namespace sluice::ctl
