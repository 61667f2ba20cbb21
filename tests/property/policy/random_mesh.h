// A random mesh as plain structs, and the same mesh as the documents a user would write. The reference
// evaluator reads the structs, the engine reads the documents.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace sluice::policy::property {

using Tags = std::map<std::string, std::string>;

struct Inbound {
  int port = 0;
  Tags tags;
};

struct Outbound {
  int port = 0;
  Tags tags;
};

struct Dataplane {
  std::string name;
  std::string address;
  std::string app;  // label
  std::vector<Inbound> inbounds;
  std::vector<Outbound> outbounds;
};

// targetRef of any kind that the generator uses.
struct Ref {
  std::string kind;  // Mesh, MeshSubset, MeshService, MeshServiceSubset, Dataplane
  std::string name;
  Tags tags;
  std::string app;      // Dataplane: label
  std::string section;  // Dataplane: sectionName
};

struct Match {
  bool prefix = false;
  std::string value;
};

struct FromItem {
  Ref client;
  std::string action;
};

struct RuleItem {
  std::vector<Match> deny;
  std::vector<Match> allow;
};

struct Permission {
  std::string name;
  Ref top;
  std::vector<FromItem> from;   // either these
  std::vector<RuleItem> rules;  // or these
};

struct TimeoutItem {
  Ref to;
  std::optional<int> connect_seconds;
  std::optional<int> idle_seconds;
};

struct TimeoutPolicy {
  std::string name;
  Ref top;
  std::vector<TimeoutItem> to;
};

struct Allowed {
  std::string cidr;
  int port = 0;  // 0: every port
};

struct Passthrough {
  std::string name;
  Ref top;
  std::string mode;  // empty: not given
  std::vector<Allowed> matches;
};

struct Mesh {
  bool passthrough = true;
  std::vector<Dataplane> dataplanes;
  std::vector<Permission> permissions;
  std::vector<TimeoutPolicy> timeouts;
  std::vector<Passthrough> passthroughs;
};

Mesh random_mesh(std::mt19937& random);
std::string documents(const Mesh& mesh);

}  // namespace sluice::policy::property
