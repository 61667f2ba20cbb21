#include "policy/rules/destination.h"

#include <algorithm>
#include <optional>

#include "policy/engine/select.h"

namespace sluice::policy {
namespace {

constexpr std::string_view kDestinationKinds[] = {"MeshService", "MeshMultiZoneService",
                                                  "MeshExternalService", "MeshHTTPRoute"};

// The kuma.io/service of a Kubernetes Service: NAME_NAMESPACE_svc_PORT, without port for headless ones.
struct OldName {
  std::string name;
  std::string ns;
  std::string port;
};

std::optional<OldName> old_name(std::string_view text) {
  std::vector<std::string> parts{""};
  for (const char c : text) {
    if (c == '_') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (parts.size() < 3 || parts.size() > 4 || parts[2] != "svc") return std::nullopt;
  return OldName{parts[0], parts[1], parts.size() == 4 ? parts[3] : std::string()};
}

std::string name_of_port(const Node& port) {
  const auto name = port.text_of("name");
  return std::string(name.empty() ? port.text_of("port") : name);
}

const Node* find_port(const Resource& resource, std::string_view section, std::string_view number) {
  const auto* ports = resource.spec().find("ports");
  if (ports == nullptr) return nullptr;
  const auto found = std::ranges::find_if(ports->items, [&](const Node& port) {
    return section.empty() ? port.text_of("port") == number : name_of_port(port) == section;
  });
  return found == ports->items.end() ? nullptr : &*found;
}

std::vector<Destination> of_old_name(const OldName& old, std::span<const Resource* const> services) {
  std::vector<Destination> out;
  for (const auto* service : services) {
    if (service->display_name != old.name || service->ns != old.ns) continue;
    const auto* port = old.port.empty() ? nullptr : find_port(*service, {}, old.port);
    out.push_back({service, port == nullptr ? std::string() : name_of_port(*port)});
  }
  return out;
}

}  // namespace

std::vector<Destination> destinations_of(const Node& ref, const Resource& policy, const MeshWorld& mesh) {
  const auto kind = ref.text_of("kind");
  if (kind == "Mesh") return {{}};
  if (std::ranges::find(kDestinationKinds, kind) == std::end(kDestinationKinds)) return {};
  const auto candidates = mesh.of_kind(kind);
  const auto section = ref.text_of("sectionName");
  if (const auto old = old_name(ref.text_of("name")); old && kind == "MeshService" && section.empty())
    return of_old_name(*old, candidates);
  std::vector<Destination> out;
  for (const auto* candidate : candidates) {
    if (!refers_to(ref, policy, *candidate, mesh.dialect)) continue;
    if (section.empty()) {
      out.push_back({candidate, {}});
    } else if (find_port(*candidate, section, {}) != nullptr) {
      out.push_back({candidate, std::string(section)});
    }
  }
  return out;
}

bool speaks_of(const Destination& about, const Destination& destination) {
  if (about.resource == nullptr) return true;
  return about.resource == destination.resource &&
         (about.section.empty() || about.section == destination.section);
}

}  // namespace sluice::policy
