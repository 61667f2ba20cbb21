#include "kri.h"

#include <map>

namespace sluice::conformance {

std::string kri(const policy::Resource& resource, const std::string& section) {
  static const std::map<std::string, std::string> kShort{{"Mesh", "m"},
                                                         {"MeshAccessLog", "mal"},
                                                         {"MeshCircuitBreaker", "mcb"},
                                                         {"MeshHTTPRoute", "mhttpr"},
                                                         {"MeshTCPRoute", "mtcpr"},
                                                         {"MeshTimeout", "mt"},
                                                         {"MeshTLS", "mtls"},
                                                         {"MeshTrafficPermission", "mtp"},
                                                         {"MeshService", "msvc"},
                                                         {"MeshRetry", "mr"},
                                                         {"MeshExternalService", "extsvc"},
                                                         {"MeshMultiZoneService", "mzsvc"}};
  const auto kind = kShort.find(resource.kind);
  return "kri_" + (kind == kShort.end() ? "?" : kind->second) + "_" + resource.mesh + "_" +
         std::string(resource.label("kuma.io/zone")) + "_" + resource.ns + "_" + resource.display_name + "_" +
         section;
}

}  // namespace sluice::conformance
