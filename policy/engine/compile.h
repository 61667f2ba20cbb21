// compile(): accepted resources to everything that runs from them: the proxy's table, the kernel's intent,
// and the local workloads with their attachment and identities. Pure: same input and numbers, same output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/workload.h"
#include "policy/document/diagnostic.h"
#include "policy/document/resource.h"
#include "policy/engine/host_addresses.h"
#include "policy/engine/kernel_intent.h"
#include "policy/table/image.h"

namespace sluice::policy {

enum class AttachKind : std::uint8_t { cgroup, unit, netns, tap, pod };
enum class FailMode : std::uint8_t { closed_fast, closed, open };

// A Dataplane that is bound to this node by its `sluice` block.
struct LocalWorkload {
  WorkloadId id = WorkloadId::none;
  std::string mesh;
  std::string name;  // the Dataplane's name
  AttachKind attach = AttachKind::cgroup;
  std::string attach_to;  // cgroup path, unit name, netns path, interface or namespace/pod
  FailMode fail_mode = FailMode::closed_fast;
  std::vector<IpAddr> addresses;        // the Dataplane's own, networking.address first
  bool mtls = false;                    // needs a certificate with these identities:
  std::vector<std::string> identities;  // SPIFFE IDs first, then kuma:// tag URIs
  RuleRef origin;
};

// Numbers that must stay the same from one compilation to the next. The caller keeps it; compile() adds what
// is new and never gives a number to another name.
class Numbers {
 public:
  std::uint32_t mesh(const std::string& name);
  WorkloadId workload(const std::string& mesh, const std::string& dataplane);

 private:
  std::map<std::string, std::uint32_t> meshes_;
  std::map<std::string, std::uint32_t> workloads_;
};

struct CompileInput {
  std::span<const Resource> resources;  // judged by one dialect, by which they are also read
  std::string node;                     // a Dataplane is local when its sluice.node is this
  std::string zone;  // value of label kuma.io/zone for resources of this zone; may be empty
  HostAddresses hosts{};
};

struct Compiled {
  TableImage table;
  KernelIntent kernel;
  std::vector<LocalWorkload> workloads;
  std::map<std::string, HostNames> names;  // whose addresses make a difference, by the service's name
  Diagnostics diagnostics;  // what the documents ask for and this compilation could not resolve; nothing is
                            // dropped silently
};

Compiled compile(const CompileInput& input, Numbers& numbers);

// The same, and what it made is used again by the next call as far as its inputs are the same objects: the
// result is the one that compile() would give.
class Compiler {
 public:
  Compiler();
  ~Compiler();
  Compiler(const Compiler&) = delete;
  Compiler& operator=(const Compiler&) = delete;

  // All judged by one dialect. `node` and `zone` as in CompileInput.
  Compiled compile(std::span<const ResourcePtr> resources, const std::string& node, const std::string& zone,
                   Numbers& numbers, const HostAddresses& hosts = {});
  // How many parts of the last result were made anew.
  struct Work {
    std::size_t worlds = 0;     // everything was read anew
    std::size_t meshes = 0;     // services and all parts of local workloads
    std::size_t inbounds = 0;   // inbound parts of local workloads
    std::size_t outbounds = 0;  // outbound parts of local workloads
    std::size_t remotes = 0;    // remote workloads
  };
  const Work& work() const;

 private:
  struct Memory;
  std::unique_ptr<Memory> memory_;
};

}  // namespace sluice::policy
