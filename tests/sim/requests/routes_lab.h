// What the tests of MeshHTTPRoute and MeshTCPRoute share: requests, and documents with one route. far has a
// version of each endpoint: v1 is far(0), v2 far(1), v3 far(2).
#pragma once

#include <string>
#include <vector>

#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {

struct Ask {
  std::string method = "GET";
  std::string target = "/";
  std::string fields{};
};
using Asks = std::vector<Ask>;
using Answers = std::vector<Client::Answer>;
using Counts = std::vector<std::size_t>;

inline io::Task<void> ask_all(HttpLab* lab, Way way, Asks asks, Answers* out) {
  Client client(*lab, way);
  for (const Ask& one : asks) {
    co_await client.send(one.method + " " + one.target + " HTTP/1.1\r\nhost: shop:81\r\n" + one.fields +
                         "\r\n");
    out->push_back(co_await client.read_answer());
  }
}

inline Answers answers(HttpLab& lab, const Asks& asks, Way way = Way::outbound) {
  Answers out;
  lab.play(ask_all(&lab, way, asks, &out));
  return out;
}

inline std::string document(const std::string& kind, const std::string& service, const std::string& rules) {
  return "type: " + kind +
         "\nname: routes\nmesh: default\nspec:\n  targetRef: {kind: MeshService, name: web}\n" +
         "  to:\n    - targetRef: {kind: MeshService, name: " + service + "}\n      rules:\n" + rules +
         "---\n";
}

inline std::string routes(const std::string& rules) {
  return document("MeshHTTPRoute", "far", rules);
}

// A rule for everything with these filters.
inline std::string filters(const std::string& list, const std::string& path = "/") {
  return routes("        - matches: [{path: {type: PathPrefix, value: " + path +
                "}}]\n          default: {filters: [" + list + "]}\n");
}

inline std::string version(const std::string& name) {
  return "{kind: MeshServiceSubset, name: far, tags: {version: " + name + "}}";
}

inline std::string backends(const std::string& refs) {
  return routes(
      "        - matches: [{path: {type: PathPrefix, value: /}}]\n          default: {backendRefs: [" + refs +
      "]}\n");
}

}  // namespace sluice::lab
