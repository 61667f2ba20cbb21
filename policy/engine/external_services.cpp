#include "policy/engine/external_services.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "policy/engine/external_tls.h"

namespace sluice::policy {
namespace {

std::uint16_t port_of(const Node& node) {
  const auto* port = node.find("port");
  return static_cast<std::uint16_t>(port == nullptr ? 0 : port->as_integer().value_or(0));
}

void report(ExternalService& service, const Mark& mark, std::string what, std::string hint) {
  service.problems.add({Severity::warning, Stage::support, service.resource->file, mark, "spec",
                        "MeshExternalService \"" + service.resource->display_name + "\" " + std::move(what),
                        std::move(hint)});
}

// What nobody may or can go to has no endpoints: clients are refused, and nothing leaves in another way than
// the document says.
bool is_served(ExternalService& service, const MeshWorld& mesh) {
  const auto& spec = service.resource->spec();
  if (mesh.model.forbid_external) {
    report(service, service.resource->mark, "is not for anybody: the mesh forbids it",
           "unset routing.defaultForbidMeshExternalServiceAccess of the Mesh");
    return false;
  }
  if (const auto* extension = spec.find("extension")) {
    report(service, extension->mark, "needs an extension that Sluice has not; connections to it are refused",
           "write endpoints instead");
    return false;
  }
  const auto* tls = spec.find("tls");
  const auto* enabled = tls == nullptr ? nullptr : tls->find("enabled");
  if (enabled == nullptr || !enabled->as_boolean().value_or(false)) return true;
  auto made = external_tls(*tls, mesh);
  if (made) {
    service.tls.push_back(std::move(*made));
    return true;
  }
  report(service, tls->mark, "asks for TLS, but " + made.error() + "; connections to it are refused",
         "give the data inline, or a Secret of the mesh with this name");
  return false;
}

void add_endpoint(const Node& endpoint, const HostAddresses& hosts, ExternalService& service) {
  const std::string address(endpoint.text_of("address"));
  const auto ip = IpAddr::parse(address);
  const auto* priority_node = endpoint.find("priority");
  const auto priority = priority_node == nullptr ? 0 : priority_node->as_integer().value_or(0);
  const auto port = port_of(endpoint);
  if (ip) return service.endpoints.push_back({{*ip, port}, priority, {}});
  service.names.insert(address);
  const auto known = hosts.find(address);
  if (known == hosts.end()) {
    return report(service, endpoint.mark,
                  "has the endpoint " + address + ", whose addresses are not known yet",
                  "it is used as soon as the resolver of the node tells them");
  }
  for (const auto& one : known->second) service.endpoints.push_back({{one, port}, priority, address});
}

}  // namespace

ExternalService external_service(const Resource& resource, const MeshWorld& mesh,
                                 const HostAddresses& hosts) {
  ExternalService out;
  out.resource = &resource;
  if (const auto* match = resource.spec().find("match")) {
    out.port = port_of(*match);
    out.protocol = parse_protocol(match->text_of("protocol"));
  }
  if (const auto* vip = resource.body.find_path({"status", "vip"})) {
    if (const auto ip = IpAddr::parse(vip->text_of("ip"))) out.vips.push_back({*ip, out.port});
  }
  if (!is_served(out, mesh)) return out;
  const auto* endpoints = resource.spec().find("endpoints");
  if (endpoints == nullptr) return out;
  for (const auto& endpoint : endpoints->items) add_endpoint(endpoint, hosts, out);
  return out;
}

std::vector<std::uint8_t> ExternalService::priorities() const {
  std::vector<std::int64_t> levels;
  for (const auto& endpoint : endpoints) levels.push_back(endpoint.priority);
  std::ranges::sort(levels);
  levels.erase(std::ranges::unique(levels).begin(), levels.end());
  std::vector<std::uint8_t> out;
  if (levels.size() < 2) return out;
  for (const auto& endpoint : endpoints) {
    const auto level = std::ranges::lower_bound(levels, endpoint.priority) - levels.begin();
    out.push_back(static_cast<std::uint8_t>(level));
  }
  return out;
}

std::vector<ExternalService> external_services(const MeshWorld& mesh, const HostAddresses& hosts) {
  std::vector<ExternalService> out;
  for (const auto* resource : mesh.of_kind("MeshExternalService"))
    out.push_back(external_service(*resource, mesh, hosts));
  return out;
}

WorkloadImage external_workload(const ExternalService& service, std::uint32_t mesh) {
  WorkloadImage out;
  out.name = service.resource->name;
  out.mesh = mesh;
  out.external = true;
  out.tls = service.tls;
  for (const auto& endpoint : service.endpoints) {
    InboundImage inbound;
    inbound.address = endpoint.address;
    inbound.service_address = endpoint.address;
    inbound.name = endpoint.name.empty() ? endpoint.address.ip.text() : endpoint.name;
    inbound.protocol = service.protocol;
    out.inbounds.push_back(std::move(inbound));
  }
  return out;
}

}  // namespace sluice::policy
