// The policies of one kind by the service that their top reference asks for, so that selecting for one proxy
// looks only at those that could mean it: a mesh has thousands, a proxy has few services.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/document/resource.h"

namespace sluice::policy {

struct DataplaneModel;

class TargetIndex {
 public:
  TargetIndex() = default;
  // Borrows the resources, which have one kind and different names.
  explicit TargetIndex(std::span<const Resource* const> policies);
  void add(const Resource& policy);
  void remove(const Resource& policy);

  // By name, at least every one that selects the proxy.
  std::vector<const Resource*> candidates(const DataplaneModel& dataplane) const;
  // Does one of them name a MeshHTTPRoute at its top? Then routes decide whom it selects.
  bool any_under_route() const { return under_routes_ > 0; }

 private:
  using List = std::vector<const Resource*>;  // by name
  List& list_for(const Resource& policy);

  std::unordered_map<std::string, List> by_service_;
  List others_;
  std::size_t under_routes_ = 0;
};

}  // namespace sluice::policy
