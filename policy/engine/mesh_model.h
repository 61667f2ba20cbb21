// Mesh as the engine reads it.
#pragma once

#include <string>

#include "policy/document/resource.h"
#include "policy/table/rule.h"

namespace sluice::policy {

struct MeshModel {
  std::string name;
  bool mtls = false;
  bool permissive = false;  // mode of the enabled backend
  bool passthrough = true;
  bool forbid_external = false;  // no MeshExternalService is for anybody
  RuleRef passthrough_origin;    // empty: the default

  static MeshModel from(const Resource& resource);
};

}  // namespace sluice::policy
