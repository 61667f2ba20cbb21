#include "fake_agent.h"

#include <cstring>

namespace sluice::agent {
namespace {

ConnectionInfo connection(std::uint64_t id, std::uint64_t bytes) {
  ConnectionInfo out;
  out.row.id = id;
  out.row.opened_wall_ns = 1'700'000'000'123'000'000;
  out.row.opened_mono_ns = 5'000'000'000;
  out.row.closed_mono_ns = 7'500'000'000;
  out.row.bytes_from_client = bytes;
  std::strcpy(out.row.rule, "allow-web at mesh.yaml:12");
  std::strcpy(out.row.service, "redis");
  out.workload = "web";
  out.direction = "outbound";
  out.transport = "mesh_tls";
  out.reason = "completed";
  out.client = "10.0.0.1:4242";
  out.destination = "10.0.1.2:6379";
  out.upstream = "10.0.1.2:6379";
  return out;
}

}  // namespace

FakeAgent::FakeAgent() {
  status_.version = {"0.1.0", "6.18.0", 1};
  status_.node = "edge-1";
  status_.instance = "main";
  status_.problems = {"the proxy is down; see its log"};
  status_.started_wall_ns = 1'700'000'000'000'000'000;
  status_.proxy_pid = 77;
  workloads_.resize(1);
  workloads_[0].name = "web";
  workloads_[0].mesh = "default";
  workloads_[0].kind = "netns";
  workloads_[0].attach = "/run/netns/web";
  workloads_[0].addresses = {"10.0.0.1"};
  workloads_[0].inbounds = {{80, 8080, "http", "strict", "web"}};
  checks_ = {{"kernel", "sk_lookup", true, true, "yes", ""},
             {"kernel", "tcx", false, false, "no", "kernel 6.6 has it"}};
  resources_ = {{"MeshTrafficPermission", "default", "allow-web", "mesh.yaml:12", true, true, "",
                 "type: x\nname: y\n"}};
  connections_ = {connection(1, 10), connection((std::uint64_t{3} << 60) + 1, 2048)};
  certificates_.resize(1);
  certificates_[0].workload = "web";
  certificates_[0].uris = {"spiffe://default/web"};
  certificates_[0].not_after_unix = 1'900'000'000;
}

std::vector<ResourceInfo> FakeAgent::resources(const std::string& kind, const std::string&) {
  return kind.empty() || kind == resources_[0].kind ? resources_ : std::vector<ResourceInfo>{};
}

Outcome<ResourceInfo> FakeAgent::resource(const ResourceKey& key) {
  if (key.kind == resources_[0].kind && key.name == resources_[0].name) return resources_[0];
  return fault("no such resource", "`sluice get` lists them");
}

ApplyOutcome FakeAgent::apply(const ApplyRequest& request) {
  applied_ = request;
  if (refusal_) return std::unexpected(*refusal_);
  ApplyResult result;
  result.resources = {{"Mesh", "", "default", "created"}};
  result.warnings = {{false, "mesh.yaml:3", "unknown key", "remove it"}};
  result.in_force = !request.dry_run;
  return result;
}

Outcome<> FakeAgent::remove(const ResourceKey& key) {
  removed_ = key;
  return {};
}

ApplyOutcome FakeAgent::enroll(const EnrollRequest& request) {
  enrolled_ = request;
  if (refusal_) return std::unexpected(*refusal_);
  ApplyResult result;
  result.resources = {{"Dataplane", "default", request.name, "created"}};
  result.yaml = "type: Dataplane\n";
  return result;
}

Outcome<> FakeAgent::unenroll(const std::string&, const std::string& name) {
  if (name != "web") return fault("no such workload", "`sluice workloads` lists them");
  unenrolled_ = name;
  return {};
}

Outcome<std::vector<ConnectionInfo>> FakeAgent::connections(const ConnectionFilter& filter) {
  filter_ = filter;
  return connections_;
}

Outcome<Explanation> FakeAgent::explain(const ExplainRequest& request) {
  explained_ = request;
  if (request.id == 404) return fault("no connection 404 is remembered");
  return Explanation{
      "connection 1 (finished)",    "refused",    "permission_denied",
      "no rule allows this client", "add a rule", {{"policy", "deny", "no rule matched", "mesh.yaml:12"}}};
}

}  // namespace sluice::agent
