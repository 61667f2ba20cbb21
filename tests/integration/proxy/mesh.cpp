#include "mesh.h"

#include <filesystem>

namespace sluice::test {
namespace {

IpAddr ip(const char* text) {
  return *IpAddr::parse(text);
}

policy::Permissions permissions_for(const std::vector<std::string>& names) {
  policy::Permissions permissions;
  for (const std::string& name : names) {
    permissions.rules.push_back({policy::PermissionAction::allow,
                                 {{policy::Condition::Kind::uri_exact, name}},
                                 policy::RuleIndex{1}});
  }
  return permissions;
}

}  // namespace

Mesh::Mesh(bool with_mtls)
    : mtls(with_mtls), web_ip(ip("10.99.0.1")), stranger_ip(ip("10.99.0.66")), nowhere_ip(ip("10.99.0.99")) {
  for (const char* address :
       {"10.99.0.1", "10.99.0.2", "10.99.0.3", "10.99.0.66", "10.99.0.80", "10.99.0.81", "10.99.0.99"}) {
    netns.shell_in(std::string("ip addr add ") + address + "/32 dev lo");
  }
  remote_server = {ip("10.99.0.3"), 7003};
  local_application = {ip("10.99.0.2"), 8002};
  remote_application = {ip("10.99.0.3"), 8003};
  std::string pattern = std::filesystem::temp_directory_path() / "sluice-proxy-XXXXXX";
  ca_directory_ = ::mkdtemp(pattern.data());
  auto authority = identity::Authority::builtin(ca_directory_, "default", clock_);
  EXPECT_TRUE(authority);
  authority_ = std::move(*authority);
}

Mesh::~Mesh() {
  std::error_code ignored;
  std::filesystem::remove_all(ca_directory_, ignored);
}

SocketAddr Mesh::remote_vip() const {
  return {ip("10.99.0.80"), out_port};
}
SocketAddr Mesh::local_vip() const {
  return {ip("10.99.0.81"), out_port};
}
SocketAddr Mesh::local_inbound() const {
  return {ip("10.99.0.2"), in_port};
}

policy::WorkloadImage Mesh::workload(WorkloadId id, const char* name, const IpAddr& address,
                                     const std::string& identity) const {
  policy::WorkloadImage image;
  image.id = id;
  image.name = name;
  image.local = is_local(id);
  image.mtls = mtls;
  image.addresses = {address};
  image.identities = {identity};
  image.passthrough = policy::PassthroughMode::none;
  return image;
}

void Mesh::offer(policy::WorkloadImage& server, const SocketAddr& at, const SocketAddr& application) const {
  policy::InboundImage inbound;
  inbound.address = at;
  inbound.service_address = application;
  inbound.name = "main";
  inbound.tls_mode = mtls ? tls_mode : policy::TlsMode::off;
  inbound.identities = server.identities;
  inbound.idle_timeout.value = idle_timeout;
  server.inbounds.push_back(inbound);
}

policy::TableImage Mesh::node(std::vector<policy::WorkloadImage> workloads) const {
  policy::TableImage image;
  image.rules.push_back({"MeshTrafficPermission/allow-web", "mesh.yaml", 7});
  image.meshes = {"default"};
  image.permissions = {permissions_for(allowed)};
  image.workloads = policy::PartList(std::move(workloads));
  return image;
}

policy::TableImage Mesh::client_node() const {
  auto local = workload(kLocalServer, "local", local_application.ip, kLocalName);
  offer(local, local_inbound(), local_application);
  auto remote = workload(WorkloadId::none, "remote", remote_server.ip, kRemoteName);
  offer(remote, remote_server, {});
  auto image = node({workload(kWeb, "web", web_ip, kWebName), local, remote});
  image.services.push_back({.name = "remote", .mesh = 0, .backends = {{2, 0}}, .vips = {remote_vip()}});
  image.services.push_back({.name = "local", .mesh = 0, .backends = {{1, 0}}, .vips = {local_vip()}});
  return image;
}

policy::TableImage Mesh::server_node() const {
  auto server = workload(kLocalServer, "remote", remote_server.ip, kRemoteName);
  offer(server, remote_server, remote_application);
  return node({server, workload(WorkloadId::none, "web", web_ip, kWebName)});
}

CredentialsImage Mesh::credentials(WorkloadId workload, const std::string& name) const {
  const auto svid = authority_->issue({{name}});
  EXPECT_TRUE(svid);
  return {.generation = 1,
          .meshes = {{"default", 1, {{"default", IdentityForm::kuma, authority_->bundle_pem()}}}},
          .workloads = {{number(workload), "default", svid->chain_pem, svid->key_pem}}};
}

}  // namespace sluice::test
