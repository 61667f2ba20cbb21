#include "policy/kinds/gateway_scope.h"

#include <algorithm>
#include <string>

namespace sluice::policy {

bool scope_includes_gateways(const Node& spec) {
  const auto kind = target_kind(spec);
  if (kind == "MeshGateway" || kind == "MeshHTTPRoute") return true;
  if (kind != "Mesh" && kind != "MeshSubset") return false;
  const auto* types = spec.find_path({"targetRef", "proxyTypes"});
  return types == nullptr || types->items.empty() ||
         std::ranges::any_of(types->items, [](const Node& type) { return type.scalar == "Gateway"; });
}

bool scope_allows(Validator& validator, const Node& spec, std::string_view part) {
  const auto* list = spec.find(part);
  if (list == nullptr || list->size() == 0) return true;
  const bool gateways = scope_includes_gateways(spec);
  if (gateways == (part == "to")) return true;
  const auto path = join_path("spec", part);
  if (!gateways) {
    validator.error(*list, path, "must not be defined", "`to` is for gateways; use `from` or `rules`");
    return false;
  }
  validator.error(
      *list, path,
      "must not be defined when the scope includes a Gateway, select only proxyType Sidecar or select "
      "only gateways and use spec.to",
      validator.dialect() == Dialect::kuma_2
          ? "write targetRef: {kind: Mesh, proxyTypes: [Sidecar]} or {kind: Dataplane}"
          : "write targetRef: {kind: Dataplane}");
  return false;
}

}  // namespace sluice::policy
