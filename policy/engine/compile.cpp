#include "policy/engine/compile.h"

#include <algorithm>
#include <map>
#include <utility>

#include "policy/engine/compilation.h"
#include "policy/engine/http/client_http.h"
#include "policy/engine/http/inbound_http.h"
#include "policy/engine/http/tags.h"
#include "policy/engine/identity.h"
#include "policy/engine/inbound_tls.h"
#include "policy/engine/passthrough.h"
#include "policy/engine/services.h"
#include "policy/engine/timeouts.h"

namespace sluice::policy {
namespace {

// Everything of one mesh. Only local workloads get policies: a remote one is an address and an identity here,
// and its own node enforces what it admits.
class MeshCompiler {
 public:
  MeshCompiler(Compilation& compilation, const MeshWorld& mesh)
      : c_(compilation),
        mesh_(mesh),
        services_(mesh),
        first_workload_(size(c_.out.table.workloads)),
        first_service_(size(c_.out.table.services)),
        tags_(tags_needed(mesh)),
        http_(mesh, services_, first_service_, c_.out.diagnostics) {}

  void run() {
    number_ = size(c_.out.table.meshes);
    c_.out.table.meshes.push_back(mesh_.model.name);
    for (const auto& dataplane : mesh_.dataplanes) {
      if (local(dataplane)) {
        add_local(dataplane);
      } else {
        add_remote(dataplane);
      }
    }
    // Outbounds may add services, so these come before the services are written down.
    std::vector<OutboundImage> outbounds;
    for (std::uint32_t i = 0; i < mesh_.dataplanes.size(); ++i) {
      if (local(mesh_.dataplanes[i])) add_outbounds(i, outbounds);
    }
    for (auto& outbound : outbounds) {
      outbound.service += first_service_;
      c_.out.table.outbounds.push_back(std::move(outbound));
    }
    for (const auto& service : services_.services()) add_service(service);
  }

 private:
  template <typename T>
  static std::uint32_t size(const std::vector<T>& list) {
    return static_cast<std::uint32_t>(list.size());
  }

  bool local(const DataplaneModel& dataplane) const {
    return !dataplane.node.empty() && dataplane.node == c_.input.node;
  }

  WorkloadImage workload_base(const DataplaneModel& dataplane) const {
    WorkloadImage out;
    out.name = dataplane.resource->name;
    out.mesh = number_;
    out.addresses = dataplane.addresses;
    out.zone = dataplane.zone();
    out.mtls = mesh_.model.mtls;
    if (out.mtls) out.identities = identities(mesh_.model.name, dataplane);
    for (const auto& inbound : dataplane.inbounds) {
      InboundImage image;
      image.address = inbound.address;
      image.service_address = inbound.service_address;
      image.name = inbound.section;
      image.protocol = inbound.protocol;
      image.ready = inbound.ready;
      if (tags_) image.tags = table_tags(inbound.tags);
      image.tls_mode = out.mtls ? TlsMode::strict : TlsMode::off;
      const auto service = inbound.tags.find(std::string(kServiceTag));
      if (out.mtls && service != inbound.tags.end()) {
        image.identities.push_back(spiffe_uri(mesh_.model.name, service->second));
      }
      out.inbounds.push_back(std::move(image));
    }
    return out;
  }

  void add_remote(const DataplaneModel& dataplane) {
    auto workload = workload_base(dataplane);
    workload.id = WorkloadId(c_.next_remote++);
    c_.out.table.workloads.push_back(std::move(workload));
  }

  void add_local(const DataplaneModel& dataplane) {
    auto workload = workload_base(dataplane);
    workload.local = true;
    workload.encrypt_same_node = dataplane.encrypt_same_node;
    workload.id = c_.numbers.workload(mesh_.model.name, workload.name);
    add_enrolment(dataplane, workload);

    const auto timeouts = SelectedPolicies::of(mesh_, "MeshTimeout", dataplane);
    const auto tls = SelectedPolicies::of(mesh_, "MeshTLS", dataplane);
    const auto permissions = SelectedPolicies::of(mesh_, "MeshTrafficPermission", dataplane);
    const ServerHttp http(mesh_, dataplane, c_.rules);
    workload.undeclared = undeclared_tls_mode(mesh_.model, tls, workload.inbounds.size());
    for (std::size_t i = 0; i < workload.inbounds.size(); ++i) {
      auto& inbound = workload.inbounds[i];
      inbound.tls_mode = inbound_tls_mode(mesh_.model, tls, i);
      if (inbound.tls_mode != TlsMode::off) {
        inbound.permissions =
            c_.permissions.add(inbound_permissions(mesh_.model.name, permissions, i, c_.rules));
      }
      const auto pair = inbound_timeouts(timeouts, i, c_.rules);
      inbound.connect_timeout = pair.connect;
      inbound.idle_timeout = pair.idle;
      add_http(http.of(i), inbound);
    }
    const auto outside = outbound_timeouts(timeouts, nullptr, c_.rules);
    workload.passthrough_connect_timeout = outside.connect;
    workload.passthrough_idle_timeout = outside.idle;
    auto passthrough =
        passthrough_of(mesh_.model, SelectedPolicies::of(mesh_, "MeshPassthrough", dataplane), c_.rules);
    workload.passthrough = passthrough.mode;
    workload.passthrough_rule = passthrough.rule;
    workload.passthrough_matches = std::move(passthrough.matches);
    c_.out.table.workloads.push_back(std::move(workload));
  }

  void add_http(InboundHttp parts, InboundImage& inbound) {
    if (parts.http) inbound.http = c_.http.inbounds.add(std::move(*parts.http));
    if (parts.cluster) inbound.cluster = c_.http.clusters.add(std::move(*parts.cluster));
    inbound.connection_rate = parts.connection_rate;
  }

  void add_enrolment(const DataplaneModel& dataplane, const WorkloadImage& workload) {
    const auto& block = *dataplane.resource->body.find("sluice");
    LocalWorkload local;
    local.id = workload.id;
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

  void add_outbounds(std::uint32_t position, std::vector<OutboundImage>& out) {
    const auto& dataplane = mesh_.dataplanes[position];
    std::map<std::uint32_t, std::vector<SocketAddr>> declared;
    for (const auto& outbound : dataplane.outbounds) {
      const auto resolved = services_.resolve(outbound, dataplane);
      declared[resolved.service].push_back(outbound.address);
      if (!resolved.found) unresolved(dataplane, outbound);
    }
    const auto timeouts = SelectedPolicies::of(mesh_, "MeshTimeout", dataplane);
    const auto& own = c_.out.table.workloads[first_workload_ + position];
    ClientHttp http(http_, dataplane, c_.rules);
    for (std::uint32_t i = 0; i < services_.services().size(); ++i) {
      const auto pair = outbound_timeouts(timeouts, &services_.services()[i], c_.rules);
      const auto addresses = declared.find(i);
      const auto& parts = http.of(services_.services()[i]);
      const bool usual =
          pair.connect == own.passthrough_connect_timeout && pair.idle == own.passthrough_idle_timeout;
      const bool said = parts.http || parts.cluster || !parts.split.empty();
      if (addresses == declared.end() && usual && !said) continue;
      OutboundImage image{first_workload_ + position, i,
                          addresses == declared.end() ? std::vector<SocketAddr>() : addresses->second,
                          pair.connect, pair.idle};
      if (parts.http) image.http = c_.http.outbounds.add(*parts.http);
      if (parts.cluster) image.cluster = c_.http.clusters.add(*parts.cluster);
      image.split = parts.split;
      image.split_rule = parts.split_rule;
      out.push_back(std::move(image));
    }
    c_.out.diagnostics.append(http.diagnostics());
  }

  // The address stays captured and refuses with no_endpoints: silently passing it through would leave the
  // mesh.
  void unresolved(const DataplaneModel& dataplane, const OutboundModel& outbound) {
    c_.out.diagnostics.add(
        {Severity::warning, Stage::support, dataplane.resource->file, outbound.mark, "networking.outbound",
         "outbound " + outbound.address.text() + " of Dataplane \"" + dataplane.resource->name +
             "\" names a destination that this version cannot resolve; connections to it are refused",
         "name a MeshService with one of its ports, or a kuma.io/service tag"});
  }

  void add_service(const ServiceModel& service) {
    ServiceImage image;
    // A name made of many tags is for reading only, and the table's text has a limit.
    image.name = service.name.substr(0, 1024);
    image.mesh = number_;
    image.protocol = service.protocol;
    image.vips = service.vips;
    for (const auto& backend : service.backends) {
      image.backends.push_back({first_workload_ + backend.workload, backend.inbound});
    }
    c_.out.table.services.push_back(std::move(image));
  }

  Compilation& c_;
  const MeshWorld& mesh_;
  ServiceRegistry services_;
  std::uint32_t first_workload_ = 0;
  std::uint32_t first_service_ = 0;
  bool tags_ = false;  // some policy chooses hosts by their tags
  MeshHttp http_;
  std::uint32_t number_ = 0;
};

}  // namespace

Compiled compile(const CompileInput& input, Numbers& numbers) {
  Compilation compilation{input, numbers, {}, {}, {}};
  // All were judged by one dialect.
  const auto dialect = input.resources.empty() ? Dialect::kuma_2 : input.resources.front().dialect;
  const auto world = World::from(input.resources, compilation.out.diagnostics, dialect);
  std::vector<std::uint32_t> mesh_numbers;
  for (const auto& [name, mesh] : world.meshes) {
    MeshCompiler(compilation, mesh).run();
    mesh_numbers.push_back(numbers.mesh(name));
  }
  auto& table = compilation.out.table;
  table.rules = compilation.rules.take();
  table.permissions = compilation.permissions.take();
  table.http_outbounds = compilation.http.outbounds.take();
  table.clusters = compilation.http.clusters.take();
  table.http_inbounds = compilation.http.inbounds.take();
  compilation.out.kernel = kernel_intent(table, mesh_numbers);
  return std::move(compilation.out);
}

}  // namespace sluice::policy
