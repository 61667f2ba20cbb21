#include "policy/kinds/tls_support.h"

#include <algorithm>
#include <functional>

namespace sluice::policy {
namespace {

bool any_conf(const Resource& resource, const std::function<bool(const Node& conf)>& holds) {
  for (const auto* side : {"from", "rules"}) {
    const auto* items = resource.spec().find(side);
    if (items == nullptr) continue;
    for (const auto& item : items->items) {
      const auto* conf = item.find("default");
      if (conf != nullptr && holds(*conf)) return true;
    }
  }
  return false;
}

bool ends_before_tls13(const Node& conf) {
  const auto* max = conf.find_path({"tlsVersion", "max"});
  return max != nullptr && (max->scalar == "TLS10" || max->scalar == "TLS11" || max->scalar == "TLS12");
}

bool names_ciphers(const Node& conf) {
  const auto* ciphers = conf.find("tlsCiphers");
  return ciphers != nullptr && !ciphers->items.empty();
}

}  // namespace

std::string mesh_tls_refusal(const Resource& resource) {
  if (resource.kind != "MeshTLS" || !any_conf(resource, ends_before_tls13)) return {};
  return "tlsVersion.max is below TLS13, and nodes speak only TLS 1.3 with each other: leave max out";
}

std::string mesh_tls_warning(const Resource& resource) {
  if (resource.kind != "MeshTLS" || !any_conf(resource, names_ciphers)) return {};
  return "tlsCiphers has no effect: it names suites of TLS 1.2, and nodes speak only TLS 1.3 with each "
         "other, "
         "whose three suites are always on";
}

}  // namespace sluice::policy
