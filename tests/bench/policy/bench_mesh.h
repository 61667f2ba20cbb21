// The mesh of the policy benchmarks in documents: ten endpoints to a service; a tenth of the policies
// concerns the server that the decisions ask for, the others are spread over the services.
#pragma once

#include <string>

#include "policy/kinds/check.h"

namespace sluice::policy::bench {

constexpr int kEndpointsPerService = 10;

inline std::string service(int number) {
  return "service-" + std::to_string(number);
}

inline std::string dataplane(int number, const std::string& protocol = {}) {
  const auto own = service(number / kEndpointsPerService);
  const auto name = own + "-" + std::to_string(number);
  const auto address = "10." + std::to_string(1 + number / 62500) + "." + std::to_string(number / 250 % 250) +
                       "." + std::to_string(1 + number % 250);
  std::string text = "---\ntype: Dataplane\nmesh: default\nname: " + name +
                     "\nnetworking:\n  address: " + address + "\n  inbound: [{port: 80, tags: {";
  if (!protocol.empty()) text += "kuma.io/protocol: " + protocol + ", ";
  text += "kuma.io/service: " + own + "}}]\n";
  // Two of them live on this node: the client and the server of the decisions.
  if (number == 0 || number == kEndpointsPerService)
    text += "sluice: {node: n, attach: {netns: /run/netns/" + name + "}}\n";
  return text;
}

// Of the policies whose number ends in 0, all concern service-1.
inline std::string permission(int number, int services, const std::string& action = "Allow") {
  const auto to = number % 10 == 0 ? 1 : number % services;
  return "---\ntype: MeshTrafficPermission\nmesh: default\nname: p" + std::to_string(number) +
         "\nspec:\n  targetRef: {kind: MeshSubset, tags: {kuma.io/service: " + service(to) +
         "}}\n  from: [{targetRef: {kind: MeshSubset, tags: {kuma.io/service: " +
         (number == 0 ? service(0) : service(number % services)) + "}}, default: {action: " + action +
         "}}]\n";
}

// What Kubernetes has for every Service: chosen by tags, with an address of its own.
inline std::string mesh_service(int number, const std::string& port_name = "main") {
  const auto address = "241." + std::to_string(number / 62500) + "." + std::to_string(number / 250 % 250) +
                       "." + std::to_string(1 + number % 250);
  return "---\ntype: MeshService\nmesh: default\nname: " + service(number) +
         "\nspec:\n  selector: {dataplaneTags: {kuma.io/service: " + service(number) +
         "}}\n  ports: [{port: 80, name: " + port_name + ", targetPort: 80, appProtocol: http}]\n" +
         "status: {vips: [{ip: " + address + "}]}\n";
}

inline std::string mesh() {
  return "type: Mesh\nname: default\nmtls: {enabledBackend: ca, backends: [{name: ca, type: builtin}]}\n";
}

inline CheckOptions without_limits() {
  CheckOptions options;
  options.limits.documents = options.limits.nodes = options.limits.bytes = std::size_t{1} << 31;
  return options;
}

}  // namespace sluice::policy::bench
