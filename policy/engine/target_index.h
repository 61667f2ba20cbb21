// The policies of one kind by the service that their top reference asks for, so that selecting for one proxy
// looks only at those that could mean it: a mesh has thousands, a proxy has few services.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/document/resource.h"

namespace sluice::policy {

struct DataplaneModel;

class TargetIndex {
 public:
  TargetIndex() = default;
  // Borrows the resources.
  explicit TargetIndex(std::span<const Resource* const> policies);

  // In the order of `policies`, at least every one that selects the proxy.
  std::vector<const Resource*> candidates(const DataplaneModel& dataplane) const;

 private:
  std::vector<const Resource*> policies_;
  std::map<std::string_view, std::vector<std::uint32_t>> by_service_;
  std::vector<std::uint32_t> others_;
};

}  // namespace sluice::policy
