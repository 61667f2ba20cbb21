#include "policy/engine/identity.h"

#include <set>

namespace sluice::policy {

std::string spiffe_uri(std::string_view mesh, std::string_view service) {
  return "spiffe://" + std::string(mesh) + "/" + std::string(service);
}

std::string kuma_uri(std::string_view tag, std::string_view value) {
  return "kuma://" + std::string(tag) + "/" + std::string(value);
}

std::vector<std::string> identities(const std::string& mesh, const DataplaneModel& dataplane) {
  std::set<std::string> services;
  std::set<std::string> tags;
  for (const auto& own : dataplane.identity_tags) {
    for (const auto& [key, value] : own) {
      if (key == kServiceTag) services.insert(spiffe_uri(mesh, value));
      tags.insert(kuma_uri(key, value));
    }
  }
  if (services.empty()) {
    const auto workload = dataplane.resource->label("kuma.io/workload");
    services.insert(
        spiffe_uri(mesh, workload.empty() ? std::string_view(dataplane.resource->name) : workload));
  }
  std::vector<std::string> out(services.begin(), services.end());
  out.insert(out.end(), tags.begin(), tags.end());
  return out;
}

}  // namespace sluice::policy
