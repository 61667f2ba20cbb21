#include "policy/engine/services.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "policy/engine/identity.h"
#include "policy/engine/select.h"
#include "policy/engine/service_selector.h"

namespace sluice::policy {
namespace {

std::vector<BackendImage> backends_with_tags(const MeshWorld& mesh, const Tags& wanted) {
  std::vector<BackendImage> out;
  for (std::uint32_t d = 0; d < mesh.dataplanes.size(); ++d) {
    const auto& inbounds = mesh.dataplanes[d].inbounds;
    for (std::uint32_t i = 0; i < inbounds.size(); ++i) {
      if (inbounds[i].ready && contains_all(inbounds[i].tags, wanted)) out.push_back({d, i});
    }
  }
  return out;
}

// A service of one port of a MeshService or MeshMultiZoneService, without endpoints yet.
ServiceModel service_at_port(const Resource& resource, const Node& port) {
  ServiceModel service;
  service.mesh_service = &resource;
  service.port = static_cast<std::uint16_t>(
      port.find("port") == nullptr ? 0 : port.find("port")->as_integer().value_or(0));
  service.port_name =
      port.text_of("name").empty() ? std::to_string(service.port) : std::string(port.text_of("name"));
  service.name = resource.name + ":" + service.port_name;
  service.protocol = parse_protocol(port.text_of("appProtocol"));
  if (const auto* vips = resource.body.find_path({"status", "vips"})) {
    for (const auto& vip : vips->items) {
      if (const auto ip = IpAddr::parse(vip.text_of("ip"))) service.vips.push_back({*ip, service.port});
    }
  }
  return service;
}

}  // namespace

// Services by the document that they were made from.
class ServiceRegistry::Known {
 public:
  explicit Known(std::vector<ServiceModel>& services) {
    for (auto& service : services) by_resource_[service.mesh_service].push_back(&service);
  }
  // Moves them to the end of `out`; false: there are none.
  bool take(const Resource& resource, std::vector<ServiceModel>& out) const {
    const auto found = by_resource_.find(&resource);
    if (found == by_resource_.end()) return false;
    for (auto* service : found->second) out.push_back(std::move(*service));
    return true;
  }

 private:
  std::unordered_map<const Resource*, std::vector<ServiceModel*>> by_resource_;
};

bool ServiceModel::same_to_clients(const ServiceModel& other) const {
  return name == other.name && protocol == other.protocol && service_tag == other.service_tag &&
         mesh_service == other.mesh_service && port_name == other.port_name && port == other.port &&
         tags == other.tags && priorities == other.priorities && backends.empty() == other.backends.empty();
}

ServiceRegistry::ServiceRegistry(const MeshWorld& mesh, const HostAddresses& hosts) : mesh_(mesh) {
  add_tag_services();
  tag_count_ = services_.size();
  externals_ = external_services(mesh_, hosts);
  add_named({});
  own_count_ = services_.size();
}

// MeshServices, MeshMultiZoneServices and MeshExternalServices. `known`: those of before, of which the ones
// with the same document are taken over.
void ServiceRegistry::add_named(std::vector<ServiceModel> known) {
  const Known before(known);
  std::optional<EndpointIndex> index;
  std::size_t fresh = 0;
  for (const auto* resource : mesh_.of_kind("MeshService")) {
    if (before.take(*resource, services_)) continue;
    // For a few, looking at everybody costs less.
    if (++fresh == 4) index.emplace(mesh_);
    add_mesh_service(*resource, index ? &*index : nullptr);
  }
  for (const auto* resource : mesh_.of_kind("MeshMultiZoneService")) add_multi_zone_service(*resource);
  for (std::uint32_t e = 0; e < externals_.size(); ++e)
    if (!before.take(*externals_[e].resource, services_)) services_.push_back(external_model(e));
}

void ServiceRegistry::add_tag_services() {
  std::unordered_map<std::string_view, std::vector<BackendImage>> backends;
  for (std::uint32_t d = 0; d < mesh_.dataplanes.size(); ++d) {
    const auto& inbounds = mesh_.dataplanes[d].inbounds;
    for (std::uint32_t i = 0; i < inbounds.size(); ++i) {
      const auto found = inbounds[i].tags.find(std::string(kServiceTag));
      if (found == inbounds[i].tags.end()) continue;
      ++names_[found->second];
      auto& list = backends[found->second];
      if (inbounds[i].ready) list.push_back({d, i});
    }
  }
  std::vector<std::string_view> names;
  for (const auto& [name, list] : backends) names.push_back(name);
  std::ranges::sort(names);
  for (const auto name : names) {
    by_tags_[{{std::string(kServiceTag), std::string(name)}}] = static_cast<std::uint32_t>(services_.size());
    ServiceModel service;
    service.name = name;
    service.service_tag = name;
    service.backends = std::move(backends[name]);
    set_protocol(service);
    services_.push_back(std::move(service));
  }
}

void ServiceRegistry::add_mesh_service(const Resource& resource, const EndpointIndex* index) {
  const auto* ports = resource.spec().find("ports");
  if (ports == nullptr) return;
  for (const auto& port : ports->items) {
    auto service = service_at_port(resource, port);
    service.selector = std::make_shared<const ServiceSelector>(resource, port);
    const auto& selector = *service.selector;
    const auto look_at = [&](std::uint32_t d) {
      const auto& dataplane = mesh_.dataplanes[d];
      for (std::uint32_t i = 0; i < dataplane.inbounds.size(); ++i) {
        const auto& inbound = dataplane.inbounds[i];
        if (inbound.ready && selector.picks(dataplane, inbound)) service.backends.push_back({d, i});
      }
    };
    if (index != nullptr) {
      std::ranges::for_each(index->candidates(selector), look_at);
    } else {
      for (std::uint32_t d = 0; d < mesh_.dataplanes.size(); ++d) look_at(d);
    }
    services_.push_back(std::move(service));
  }
}

// Not of a MeshMultiZoneService.
bool ServiceRegistry::has(const ServiceModel& service, const DataplaneModel& dataplane,
                          const InboundModel& inbound) const {
  if (!inbound.ready) return false;
  if (service.mesh_service == nullptr) {
    if (!service.tags.empty()) return contains_all(inbound.tags, service.tags);
    const auto found = inbound.tags.find(std::string(kServiceTag));
    return !service.service_tag.empty() && found != inbound.tags.end() &&
           found->second == service.service_tag;
  }
  return service.selector != nullptr && service.selector->picks(dataplane, inbound);
}

void ServiceRegistry::add_multi_zone_service(const Resource& resource) {
  const auto* ports = resource.spec().find("ports");
  const auto* labels = resource.spec().find_path({"selector", "meshService", "matchLabels"});
  if (ports == nullptr || labels == nullptr || labels->size() == 0) return;
  for (const auto& port : ports->items) {
    auto service = service_at_port(resource, port);
    service.backends = gathered_backends(service);
    services_.push_back(std::move(service));
  }
}

ServiceModel ServiceRegistry::external_model(std::uint32_t number) const {
  const auto& external = externals_[number];
  ServiceModel service;
  service.mesh_service = external.resource;
  service.name = external.service_name();
  service.port = external.port;
  service.port_name = std::to_string(external.port);
  service.protocol = external.protocol;
  service.vips = external.vips;
  service.priorities = external.priorities();
  const auto workload = static_cast<std::uint32_t>(mesh_.dataplanes.size()) + number;
  for (std::uint32_t i = 0; i < external.endpoints.size(); ++i) service.backends.push_back({workload, i});
  return service;
}

// Of a MeshMultiZoneService: the endpoints, at the same port, of all MeshServices with its labels.
std::vector<BackendImage> ServiceRegistry::gathered_backends(const ServiceModel& service) const {
  const auto& labels = *service.mesh_service->spec().find_path({"selector", "meshService", "matchLabels"});
  std::vector<BackendImage> out;
  for (const auto& one : services_) {
    const bool its = one.mesh_service != nullptr && one.mesh_service->kind == "MeshService" &&
                     one.port == service.port && labels_match(labels, *one.mesh_service);
    if (its) out.insert(out.end(), one.backends.begin(), one.backends.end());
  }
  const auto place = [](const BackendImage& one) { return std::pair(one.workload, one.inbound); };
  std::ranges::sort(out, {}, place);
  const auto twice = std::ranges::unique(out, {}, place);
  out.erase(twice.begin(), twice.end());
  return out;
}

ServiceRegistry::Resolved ServiceRegistry::resolve(const OutboundModel& outbound,
                                                   const DataplaneModel& client) {
  if (!outbound.ref) return resolve_tags(outbound.tags);
  if (const auto service = resolve_ref(*outbound.ref, client)) return {*service, true};
  return {add_unresolved(outbound.ref->kind + " " + outbound.ref->name + ":" +
                         std::to_string(outbound.ref->port)),
          false};
}

std::uint32_t ServiceRegistry::add_unresolved(std::string name) {
  ServiceModel model;
  model.name = std::move(name);
  services_.push_back(std::move(model));
  return static_cast<std::uint32_t>(services_.size() - 1);
}

ServiceRegistry::Resolved ServiceRegistry::resolve_tags(const Tags& tags) {
  // Tags that describe the connection and not the destination do not take part in the choice.
  auto wanted = tags;
  wanted.erase("kuma.io/protocol");
  if (const auto found = by_tags_.find(wanted); found != by_tags_.end()) return {found->second, true};
  const auto service = wanted.find(std::string(kServiceTag));
  if (service == wanted.end()) return {add_unresolved("outbound without a service tag"), false};
  ServiceModel model;
  model.tags = wanted;
  model.service_tag = service->second;
  model.name = service->second;
  for (const auto& [key, value] : wanted) {
    if (key != kServiceTag) model.name.append("{").append(key).append("=").append(value).append("}");
  }
  const auto earlier = std::ranges::find(forgotten_, wanted, &ServiceModel::tags);
  model.backends = earlier != forgotten_.end() ? earlier->backends : backends_with_tags(mesh_, wanted);
  set_protocol(model);
  if (earlier != forgotten_.end() && earlier->protocol == model.protocol) model.part = earlier->part;
  const bool found = !model.backends.empty();
  services_.push_back(std::move(model));
  const auto number = static_cast<std::uint32_t>(services_.size() - 1);
  by_tags_.emplace(std::move(wanted), number);
  return {number, found};
}

std::optional<std::uint32_t> ServiceRegistry::resolve_ref(const BackendRefModel& ref,
                                                          const DataplaneModel& client) const {
  const auto ns = ref.ns.empty() ? client.resource->ns : ref.ns;
  for (std::uint32_t i = 0; i < services_.size(); ++i) {
    const auto* service = services_[i].mesh_service;
    if (service == nullptr || service->kind != ref.kind) continue;
    // A MeshExternalService has one port.
    const bool port_said = ref.port != 0 || ref.kind != "MeshExternalService";
    if (port_said && services_[i].port != ref.port) continue;
    if (!ref.name.empty() &&
        (service->name == ref.name || (service->display_name == ref.name && service->ns == ns)))
      return i;
    if (ref.name.empty() && !ref.labels.empty() && std::ranges::all_of(ref.labels, [&](const auto& pair) {
          return service->label(pair.first) == pair.second;
        })) {
      return i;
    }
  }
  return std::nullopt;
}

bool item_concerns(const Resource& policy, const Node& item, const ServiceModel& service) {
  const auto* ref = item.find("targetRef");
  const auto kind = ref == nullptr ? std::string_view() : ref->text_of("kind");
  if (kind == "Mesh") return true;
  if (kind != (service.mesh_service == nullptr ? "MeshService" : service.mesh_service->kind)) return false;
  const auto name = ref->text_of("name");
  if (service.mesh_service == nullptr) return !name.empty() && name == service.service_tag;

  const auto& target = *service.mesh_service;
  const auto section = ref->text_of("sectionName");
  if (!section.empty() && section != service.port_name) return false;
  if (name == target.display_name + "_" + target.ns + "_svc_" + std::to_string(service.port)) return true;
  return refers_to(*ref, policy, target, policy.dialect);
}

}  // namespace sluice::policy
