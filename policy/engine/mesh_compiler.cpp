#include "policy/engine/mesh_compiler.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "policy/engine/http/tags.h"
#include "policy/engine/identity.h"

namespace sluice::policy {
namespace {

std::uint32_t count(const auto& list) {
  return static_cast<std::uint32_t>(list.size());
}

}  // namespace

MeshCompiler::MeshCompiler(Compilation& compilation, const MeshWorld& mesh, MeshMemory& memory,
                           const MeshChanges& changes)
    : c_(compilation), mesh_(mesh), memory_(memory), changes_(changes) {
  const auto& table = c_.out.table;
  context_ = {count(table.meshes), tags_needed(mesh), c_.node};
  begin_ = {count(table.workloads), count(table.services)};
}

void MeshCompiler::run() {
  const bool known = memory_.services != nullptr && memory_.context == context_;
  remotes_hold_ = known;
  addresses_hold_ = known;
  externals_hold_ = known;
  if (!known || !follow()) renew();
  memory_.context = context_;
  memory_.begin = begin_;
  c_.out.table.meshes.push_back(mesh_.model.name);
  c_.out.diagnostics.append(memory_.route_problems);
  for (const auto& one : memory_.services->externals()) {
    c_.out.diagnostics.append(one.problems);
    if (!one.names.empty()) c_.out.names[one.service_name()].insert(one.names.begin(), one.names.end());
  }
  add_workloads();
  for (auto& own : memory_.locals) add_outbounds(own);
  add_services();
  add_destinations();
}

bool MeshCompiler::local(const DataplaneModel& dataplane) const {
  return !dataplane.node.empty() && dataplane.node == c_.node;
}

void MeshCompiler::renew() {
  ++c_.work.meshes;
  addresses_hold_ = false;
  externals_hold_ = false;
  memory_.locals.clear();
  memory_.services = std::make_unique<ServiceRegistry>(mesh_, c_.hosts);
  memory_.zones = std::make_unique<Zones>(mesh_);
  for (std::uint32_t i = 0; i < mesh_.dataplanes.size(); ++i) {
    if (!local(mesh_.dataplanes[i])) continue;
    memory_.locals.push_back({});
    memory_.locals.back().position = i;
  }
  ask_for_services();
}

// Services come from all Dataplanes and MeshServices, then from what routes name, then from what local
// clients declare.
void MeshCompiler::ask_for_services() {
  memory_.route_problems = {};
  memory_.http = std::make_unique<MeshHttp>(mesh_, *memory_.services, *memory_.zones, begin_.service,
                                            memory_.route_problems);
  for (auto& own : memory_.locals) declare(own);
}

// An address that leads nowhere stays captured and refuses with no_endpoints: silently passing it through
// would leave the mesh.
void MeshCompiler::declare(MeshMemory::Local& own) {
  const auto& dataplane = mesh_.dataplanes[own.position];
  const auto before = std::pair(std::move(own.declared), own.services);
  own.declared.clear();
  own.unresolved = {};
  for (const auto& outbound : dataplane.outbounds) {
    const auto resolved = memory_.services->resolve(outbound, dataplane);
    own.declared[resolved.service].push_back(outbound.address);
    if (resolved.found) continue;
    own.unresolved.add(
        {Severity::warning, Stage::support, dataplane.resource->file, outbound.mark, "networking.outbound",
         "outbound " + outbound.address.text() + " of Dataplane \"" + dataplane.resource->name +
             "\" names a destination that this version cannot resolve; connections to it are refused",
         "name a MeshService with one of its ports, a MeshExternalService, or a kuma.io/service tag"});
  }
  own.services = count(memory_.services->services());
  if (before != std::pair(own.declared, own.services)) own.outbound.reset();
}

WorkloadImage MeshCompiler::workload_base(const DataplaneModel& dataplane) const {
  WorkloadImage out;
  out.name = dataplane.resource->name;
  out.mesh = context_.number;
  out.addresses = dataplane.addresses;
  out.zone = dataplane.zone;
  out.mtls = mesh_.model.mtls;
  if (out.mtls) out.identities = identities(mesh_.model.name, dataplane);
  for (const auto& inbound : dataplane.inbounds) {
    InboundImage image;
    image.address = inbound.address;
    image.service_address = inbound.service_address;
    image.name = inbound.section;
    image.protocol = inbound.protocol;
    image.ready = inbound.ready;
    if (context_.tags) image.tags = table_tags(inbound.tags);
    image.tls_mode = out.mtls ? TlsMode::strict : TlsMode::off;
    const auto service = inbound.tags.find(std::string(kServiceTag));
    if (out.mtls && service != inbound.tags.end())
      image.identities.push_back(spiffe_uri(mesh_.model.name, service->second));
    out.inbounds.push_back(std::move(image));
  }
  return out;
}

// What it was before when its document is the same. Both lists are by name and `known` is where the last
// search ended, so only those that went lie between.
PartList<WorkloadImage>::Pointer MeshCompiler::remote(const DataplaneModel& dataplane,
                                                      std::span<const MeshMemory::Remote>& known) {
  const auto went = [this](const MeshMemory::Remote& one) {
    return std::ranges::find(changes_.gone, one.resource) != changes_.gone.end();
  };
  const auto* const before = known.empty() ? nullptr : known.front().part.get();
  while (!known.empty() && went(known.front())) known = known.subspan(1);
  if (!known.empty() && known.front().resource == dataplane.resource) {
    auto part = known.front().part;
    known = known.subspan(1);
    return part;
  }
  ++c_.work.remotes;
  auto workload = workload_base(dataplane);
  addresses_hold_ = addresses_hold_ && before != nullptr &&
                    std::ranges::equal(before->inbounds, workload.inbounds, {}, &InboundImage::address,
                                       &InboundImage::address);
  return std::make_shared<const SharedPart<WorkloadImage>>(std::move(workload));
}

void MeshCompiler::add_workloads() {
  c_.out.table.workloads.reserve(begin_.workload + mesh_.dataplanes.size());
  auto own = memory_.locals.begin();
  const auto before = std::exchange(memory_.remotes, {});
  memory_.remotes.reserve(mesh_.dataplanes.size());
  std::span<const MeshMemory::Remote> known;
  if (remotes_hold_) known = before;
  for (std::uint32_t i = 0; i < mesh_.dataplanes.size(); ++i) {
    if (own != memory_.locals.end() && own->position == i) {
      add_local(*own++);
      continue;
    }
    memory_.remotes.push_back({mesh_.dataplanes[i].resource, remote(mesh_.dataplanes[i], known)});
    c_.out.table.workloads.push_back(memory_.remotes.back().part);
  }
  add_external();
}

// Behind those of the mesh, as ServiceRegistry counts them.
void MeshCompiler::add_external() {
  const auto& externals = memory_.services->externals();
  if (!externals_hold_) {
    memory_.external_parts = {};
    for (const auto& one : externals)
      memory_.external_parts.push_back(external_workload(one, context_.number));
  }
  for (const auto& part : memory_.external_parts.parts()) c_.out.table.workloads.push_back(part);
}

void MeshCompiler::add_local(MeshMemory::Local& own) {
  const auto& dataplane = mesh_.dataplanes[own.position];
  if (!own.inbound) {
    ++c_.work.inbounds;
    own.inbound = inbound_part(mesh_, dataplane, workload_base(dataplane));
  }
  const auto id = c_.numbers.workload(mesh_.model.name, dataplane.resource->name);
  add_enrolment(dataplane, own.inbound->workload, id);
  c_.add(*own.inbound, id);
}

void MeshCompiler::add_enrolment(const DataplaneModel& dataplane, const WorkloadImage& workload,
                                 WorkloadId id) {
  const auto& block = *dataplane.resource->body.find("sluice");
  LocalWorkload local;
  local.id = id;
  local.mesh = mesh_.model.name;
  local.name = workload.name;
  static const std::map<std::string_view, AttachKind> kKinds{{"cgroup", AttachKind::cgroup},
                                                             {"unit", AttachKind::unit},
                                                             {"netns", AttachKind::netns},
                                                             {"tap", AttachKind::tap},
                                                             {"pod", AttachKind::pod}};
  if (const auto* attach = block.find("attach"); attach != nullptr && attach->size() == 1) {
    const auto& target = attach->fields.front();
    if (const auto kind = kKinds.find(target.key); kind != kKinds.end()) local.attach = kind->second;
    local.attach_to = target.value.scalar;
  }
  const auto mode = block.text_of("failMode");
  local.fail_mode = mode == "open"     ? FailMode::open
                    : mode == "closed" ? FailMode::closed
                                       : FailMode::closed_fast;
  local.addresses = workload.addresses;
  local.mtls = workload.mtls;
  local.identities = workload.identities;
  local.origin = dataplane.resource->origin(dataplane.resource->mark);
  c_.out.workloads.push_back(std::move(local));
}

void MeshCompiler::add_outbounds(MeshMemory::Local& own) {
  if (!own.outbound) {
    ++c_.work.outbounds;
    own.outbound = outbound_part(*memory_.http, std::span(memory_.services->services()).first(own.services),
                                 mesh_.dataplanes[own.position], own.declared,
                                 {begin_.workload + own.position, begin_.service});
  }
  c_.out.diagnostics.append(own.unresolved);
  c_.add(*own.outbound);
}

void MeshCompiler::add_services() {
  memory_.services->make_parts(context_.number, begin_.workload);
  for (const auto& service : memory_.services->services()) c_.out.table.services.push_back(service.part);
}

void MeshCompiler::add_destinations() {
  if (!addresses_hold_) {
    const auto& table = c_.out.table;
    auto now = mesh_destinations(table.workloads, begin_.workload, table.services, begin_.service);
    if (memory_.destinations == nullptr || *memory_.destinations != now)
      memory_.destinations = std::make_shared<const std::vector<SocketAddr>>(std::move(now));
  }
  c_.out.kernel.meshes.push_back({c_.numbers.mesh(mesh_.model.name), mesh_.model.name, memory_.destinations});
}

}  // namespace sluice::policy
