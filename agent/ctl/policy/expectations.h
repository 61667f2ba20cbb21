// What a user expects of a mesh, as `sluice policy test` reads it:
//
//   documents: [mesh.yaml, policies/]      # relative to this file
//   mesh: default
//   tests:
//     - name: web reaches backend
//       from: web
//       to: backend:8080
//       expect: allow                      # or a mapping:
//     - from: web
//       to: backend
//       expect:
//         verdict: allow                   # allow, deny or mixed
//         reason: permission_denied
//         policy: MeshTrafficPermission/allow-web
//         endpoints: [backend-1]
//         timeout: {connectionTimeout: 2s}
//         client: {MeshRetry: {http: {numRetries: 3}}}   # what these policies set at least
//         server: {MeshRateLimit: {...}}
//     - from: web                          # a request, where any of method, path and headers is given
//       to: backend
//       method: GET
//       path: /api/items?id=7
//       headers: {x-version: v2}
//       expect:
//         route: MeshHTTPRoute/canary      # that decides; "built-in" is Kuma's own
//         backends: [backend-v2]           # where it may go; "none" answers with a 500
//         redirect: 301
//         timeout: {requestTimeout: 5s}
#pragma once

#include <string>
#include <vector>

#include "ctl/policy/simulation.h"
#include "policy/document/diagnostic.h"
#include "policy/document/node.h"

namespace sluice::ctl {

struct Expectation {
  std::string name;  // as given, else "web -> backend:8080"
  policy::Mark mark;
  Flow flow;
  // Empty or null: not asked.
  std::string verdict, reason, policy, route, redirect;
  std::vector<std::string> endpoints, backends;
  policy::Node timeout, client, server;  // mappings; client and server by kind
};

struct Expectations {
  std::vector<std::string> documents;
  std::vector<Expectation> tests;
};

// What is wrong with the text goes to `diagnostics`; then the result is not to be used.
Expectations read_expectations(const std::string& text, const std::string& file,
                               policy::Diagnostics& diagnostics);

// What does not hold, a sentence each; empty: all does.
std::vector<std::string> failures_of(const Expectation& expectation, const FlowAnswer& answer);

}  // namespace sluice::ctl
