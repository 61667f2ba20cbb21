// Which service a route's backendRef means, and what protocol a service speaks.
#include <algorithm>

#include "policy/engine/identity.h"
#include "policy/engine/select.h"
#include "policy/engine/services.h"

namespace sluice::policy {
namespace {

// In Kuma 2 a name alone is that of the tag kuma.io/service.
bool by_tags(const Node& ref, const Resource& policy) {
  if (policy.dialect == Dialect::kuma_3) return false;
  const auto kind = ref.text_of("kind");
  if (kind == "MeshServiceSubset") return true;
  return kind == "MeshService" && ref.find("port") == nullptr && ref.text_of("sectionName").empty() &&
         !ref.text_of("name").empty();
}

Tags tags_of(const Node& ref) {
  Tags out;
  if (const auto* tags = ref.find("tags")) {
    for (const auto& entry : tags->fields) out[entry.key] = entry.value.scalar;
  }
  out.erase("kuma.io/protocol");
  out[std::string(kServiceTag)] = ref.text_of("name");
  return out;
}

// Which protocol is left when endpoints speak both: gRPC is HTTP/2, and all are TCP.
Protocol common(Protocol a, Protocol b) {
  if (a == b) return a;
  const auto framed = [](Protocol one) { return one == Protocol::grpc || one == Protocol::http2; };
  return framed(a) && framed(b) ? Protocol::http2 : Protocol::tcp;
}

}  // namespace

void ServiceRegistry::set_protocol(ServiceModel& service) const {
  if (service.backends.empty()) return;
  const auto protocol = [&](const BackendImage& backend) {
    return mesh_.dataplanes[backend.workload].inbounds[backend.inbound].protocol;
  };
  service.protocol = protocol(service.backends.front());
  for (const auto& backend : service.backends) service.protocol = common(service.protocol, protocol(backend));
}

void ServiceRegistry::add_backend(const Node& ref, const Resource& policy) {
  if (by_tags(ref, policy)) resolve_tags(tags_of(ref));
}

std::optional<std::uint32_t> ServiceRegistry::find_backend(const Node& ref, const Resource& policy) const {
  if (by_tags(ref, policy)) {
    const auto found = by_tags_.find(tags_of(ref));
    return found == by_tags_.end() ? std::nullopt : std::optional(found->second);
  }
  const auto port = ref.text_of("port");
  const auto section = ref.text_of("sectionName");
  for (std::uint32_t i = 0; i < services_.size(); ++i) {
    const auto* service = services_[i].mesh_service;
    if (service == nullptr || service->kind != ref.text_of("kind")) continue;
    if (port.empty() && section.empty() && service->kind != "MeshExternalService") continue;
    if (!port.empty() && std::to_string(services_[i].port) != port) continue;
    if (!section.empty() && services_[i].port_name != section) continue;
    if (refers_to(ref, policy, *service, policy.dialect)) return i;
  }
  return std::nullopt;
}

}  // namespace sluice::policy
