#include "policy/document/resource.h"

namespace sluice::policy {

const Node& Resource::spec() const {
  const auto* spec = body.find("spec");
  return spec == nullptr ? body : *spec;
}

std::string_view Resource::label(std::string_view key) const {
  const auto found = labels.find(std::string(key));
  return found == labels.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace sluice::policy
