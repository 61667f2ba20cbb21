// Resource: one document with its envelope taken off. Universal (type, name, mesh) and Kubernetes
// (apiVersion, kind, metadata) documents give the same Resource.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "policy/document/dialect.h"
#include "policy/document/node.h"
#include "policy/table/rule.h"

namespace sluice::policy {

struct Resource {
  std::string kind;          // "MeshTimeout"
  std::string mesh;          // empty for kinds of global scope; a Mesh's own name is in `name`
  std::string name;          // core name: on Kubernetes "<name>.<namespace>" for namespaced kinds
  std::string display_name;  // as written
  std::string ns;            // Kubernetes namespace; empty on Universal
  bool kubernetes = false;
  Dialect dialect = Dialect::kuma_2;  // by which it was judged
  std::map<std::string, std::string> labels;
  Node body;  // what is checked and used: a mapping; for kinds with a spec its "spec" field is the spec
  std::string file;
  Mark mark;

  // The part below `spec:`, or the body itself for kinds without one.
  const Node& spec() const;
  std::string_view label(std::string_view key) const;  // empty when absent
  std::string key() const { return kind + "/" + mesh + "/" + name; }
  // Where a rule at `place` in this document comes from.
  RuleRef origin(Mark place) const { return {kind + "/" + display_name, file, place.line}; }
};

// A document that was read once never changes, so whoever needs it holds it, and the same pointer means the
// same content.
using ResourcePtr = std::shared_ptr<const Resource>;

}  // namespace sluice::policy
