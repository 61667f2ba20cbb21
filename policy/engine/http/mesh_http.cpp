// The backends of a mesh's routes, resolved once for all clients.
#include "policy/engine/http/client_http.h"

namespace sluice::policy {
namespace {

template <typename Each>
void each_of(const Node& parent, std::string_view key, Each each) {
  const auto* list = parent.find(key);
  if (list == nullptr) return;
  for (const auto& one : list->items) each(one);
}

bool is_http(Protocol protocol) {
  return protocol == Protocol::http || protocol == Protocol::http2 || protocol == Protocol::grpc;
}

}  // namespace

MeshHttp::MeshHttp(const MeshWorld& mesh, ServiceRegistry& services, const Zones& zones,
                   std::uint32_t first_service, Diagnostics& diagnostics)
    : mesh_(mesh), services_(services), zones_(zones), first_service_(first_service) {
  for (const auto* kind : {"MeshHTTPRoute", "MeshTCPRoute"}) {
    for (const auto* policy : mesh.of_kind(kind)) {
      each_of(policy->spec(), "to", [&](const Node& item) {
        each_of(item, "rules", [&](const Node& rule) { add_rule(*policy, rule, diagnostics); });
      });
    }
  }
}

void MeshHttp::add_rule(const Resource& policy, const Node& rule, Diagnostics& diagnostics) {
  each_of(rule, "matches", [&](const Node& match) {
    const auto problem = match_problem(match_of(&match));
    if (problem.empty()) return;
    diagnostics.add({Severity::error, Stage::support, policy.file, match.mark, "spec.to",
                     policy.kind + " \"" + policy.display_name +
                         "\" has a regular expression that does not compile (" + problem +
                         "); its match is left out",
                     "write it in the syntax of RE2"});
  });
  const auto* conf = rule.find("default");
  if (conf == nullptr) return;
  each_of(*conf, "backendRefs", [&](const Node& ref) { add_backend(policy, ref, diagnostics); });
  each_of(*conf, "filters", [&](const Node& filter) {
    const auto* ref = filter.find_path({"requestMirror", "backendRef"});
    if (ref != nullptr && filter.text_of("type") == "RequestMirror") add_backend(policy, *ref, diagnostics);
  });
}

void MeshHttp::add_backend(const Resource& policy, const Node& ref, Diagnostics& diagnostics) {
  services_.add_backend(ref, policy);
  const bool requests = policy.kind == "MeshHTTPRoute";
  if (backend(ref, policy, requests) != kNone) return;
  const bool other_protocol = backend(ref, policy, false) != kNone;
  diagnostics.add({Severity::warning, Stage::support, policy.file, ref.mark, "spec.to",
                   policy.kind + " \"" + policy.display_name + "\" names a backend that " +
                       (other_protocol ? "does not speak HTTP" : "there is not") + "; its share " +
                       (requests ? "answers 500" : "is refused"),
                   other_protocol ? "give its inbound a protocol, or its port an appProtocol"
                                  : "name a MeshService with one of its ports, or a kuma.io/service"});
}

std::uint32_t MeshHttp::backend(const Node& ref, const Resource& policy, bool requests) const {
  const auto found = services_.find_backend(ref, policy);
  if (!found) return kNone;
  const auto& service = services_.services()[*found];
  // A service without endpoints may yet speak anything.
  if (requests && !is_http(service.protocol) &&
      !(service.backends.empty() && service.mesh_service == nullptr))
    return kNone;
  return first_service_ + *found;
}

}  // namespace sluice::policy
