// The mesh of the proxy tests: "web" (client, local to the client's node), "local" (server on the same node)
// and "remote" (server on another node), all on addresses of one namespace's lo.
#pragma once

#include "identity/authority.h"
#include "puppet_keeper.h"

namespace sluice::test {

inline constexpr WorkloadId kWeb{1};
inline constexpr WorkloadId kLocalServer{2};
inline const std::string kWebName = "spiffe://default/web";
inline const std::string kLocalName = "spiffe://default/local";
inline const std::string kRemoteName = "spiffe://default/remote";

struct Mesh {
  explicit Mesh(bool with_mtls);
  ~Mesh();

  Netns netns;
  bool mtls;
  IpAddr web_ip, stranger_ip, nowhere_ip;
  SocketAddr remote_server;       // as clients dial it
  SocketAddr local_application;   // where the local server's program listens
  SocketAddr remote_application;  // where the remote server's program listens, on its node
  policy::TlsMode tls_mode = policy::TlsMode::strict;  // of the servers, when the mesh has mTLS
  std::vector<std::string> allowed{kWebName};          // whom the servers admit
  Nanos idle_timeout{};
  std::uint16_t out_port = 0;
  std::uint16_t in_port = 7002;

  SocketAddr remote_vip() const;
  SocketAddr local_vip() const;
  SocketAddr local_inbound() const;

  // The table of the node of "web" and "local", and of the node of "remote" (known there as kWeb's number is
  // here: the server is kLocalServer there).
  policy::TableImage client_node() const;
  policy::TableImage server_node() const;
  CredentialsImage credentials(WorkloadId workload, const std::string& name) const;

 private:
  policy::WorkloadImage workload(WorkloadId id, const char* name, const IpAddr& address,
                                 const std::string& identity) const;
  void offer(policy::WorkloadImage& server, const SocketAddr& at, const SocketAddr& application) const;
  policy::TableImage node(std::vector<policy::WorkloadImage> workloads) const;

  SystemClock clock_;
  std::string ca_directory_;
  std::unique_ptr<identity::Authority> authority_;
};

}  // namespace sluice::test
