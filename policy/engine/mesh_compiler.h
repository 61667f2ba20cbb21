// Everything of one mesh. Only local workloads get policies: a remote one is an address and an identity here,
// and its own node enforces what it admits. What a compilation made stays in a MeshMemory, and the next one
// makes only those parts anew whose documents changed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "policy/engine/compilation.h"
#include "policy/engine/http/client_http.h"
#include "policy/engine/local_parts.h"
#include "policy/engine/services.h"
#include "policy/engine/world.h"

namespace sluice::policy {

// Documents of one mesh that came or went since the last compilation; one that changed did both.
struct MeshChanges {
  std::vector<const Resource*> gone;
  std::vector<const Resource*> come;
};

struct MeshMemory {
  // On what every part depends besides its documents.
  struct Context {
    std::uint32_t number = 0;  // of the mesh in the table
    bool tags = false;         // some policy chooses hosts by their tags
    std::string node;
    bool operator==(const Context&) const = default;
  };
  // Where the mesh begins in the table: meshes before it may grow.
  struct Begin {
    std::uint32_t workload = 0;
    std::uint32_t service = 0;
    bool operator==(const Begin&) const = default;
  };
  struct Local {
    std::uint32_t position = 0;  // among the mesh's Dataplanes
    DeclaredOutbounds declared;
    std::uint32_t services = 0;  // how many there were when its outbounds had been declared
    Diagnostics unresolved;
    std::optional<InboundPart> inbound;
    std::optional<OutboundPart> outbound;
  };
  // The resource is only compared; it lived when this was written.
  struct Remote {
    const Resource* resource = nullptr;
    PartList<WorkloadImage>::Pointer part;
  };

  Context context;
  Begin begin;
  std::unique_ptr<ServiceRegistry> services;  // null: nothing is known
  std::unique_ptr<Zones> zones;
  std::unique_ptr<MeshHttp> http;
  Diagnostics route_problems;
  std::vector<Local> locals;
  std::vector<Remote> remotes;
  PartList<WorkloadImage> external_parts;
  std::shared_ptr<const std::vector<SocketAddr>> destinations;
};

class MeshCompiler {
 public:
  // `memory` is of the same mesh.
  MeshCompiler(Compilation& compilation, const MeshWorld& mesh, MeshMemory& memory,
               const MeshChanges& changes);
  void run();

 private:
  bool local(const DataplaneModel& dataplane) const;
  void renew();
  void ask_for_services();
  bool follow();
  bool follow_services(bool named);
  void follow_locals(const DataplaneMoves& moves);
  void follow_routes();
  void follow_hosts();
  bool routes_select() const;
  bool places_count() const;
  void forget_parts(const Resource& policy);
  void forget_parts();
  void forget_outbounds();
  WorkloadImage workload_base(const DataplaneModel& dataplane) const;
  PartList<WorkloadImage>::Pointer remote(const DataplaneModel& dataplane,
                                          std::span<const MeshMemory::Remote>& known);
  void add_workloads();
  void add_external();
  void add_local(MeshMemory::Local& own);
  void add_enrolment(const DataplaneModel& dataplane, const WorkloadImage& workload, WorkloadId id);
  void add_outbounds(MeshMemory::Local& own);
  void declare(MeshMemory::Local& own);
  void add_services();
  void add_destinations();

  Compilation& c_;
  const MeshWorld& mesh_;
  MeshMemory& memory_;
  const MeshChanges& changes_;
  MeshMemory::Context context_;
  MeshMemory::Begin begin_;
  bool remotes_hold_ = false;
  bool externals_hold_ = false;
  bool addresses_hold_ = false;  // inbounds' and services'
};

}  // namespace sluice::policy
