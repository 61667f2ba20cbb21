#include "policy/engine/mesh_model.h"

namespace sluice::policy {

MeshModel MeshModel::from(const Resource& resource) {
  MeshModel out;
  out.name = resource.name;
  if (const auto* mtls = resource.body.find("mtls")) {
    const auto enabled = mtls->text_of("enabledBackend");
    out.mtls = !enabled.empty();
    if (const auto* backends = mtls->find("backends")) {
      for (const auto& backend : backends->items) {
        if (backend.text_of("name") == enabled) out.permissive = backend.text_of("mode") == "PERMISSIVE";
      }
    }
  }
  if (const auto* flag = resource.body.find_path({"networking", "outbound", "passthrough"})) {
    out.passthrough = flag->as_boolean().value_or(true);
    out.passthrough_origin = resource.origin(flag->mark);
  }
  if (const auto* flag = resource.body.find_path({"routing", "defaultForbidMeshExternalServiceAccess"}))
    out.forbid_external = flag->as_boolean().value_or(false);
  return out;
}

}  // namespace sluice::policy
