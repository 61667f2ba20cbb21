// The control socket: HTTP/1.1 + JSON on a unix socket, and optionally /metrics alone on a TCP port. Requests
// run on the server's own threads (one per connection, bounded) and call the agent, which serialises them on
// its loop.
//
// Limits: connections, header bytes, body bytes and an idle timeout per connection; what exceeds them is
// answered with a JSON error or closed. Peers of the unix socket are checked by the kernel's credentials
// (peer.h).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/agent_api.h"
#include "base/address.h"
#include "base/log.h"
#include "base/result.h"

namespace sluice::control {

struct ServerOptions {
  std::string socket_path = "/run/sluice/control.sock";
  std::string group = "sluice";       // its members may read; a group that does not exist leaves root alone
  bool group_may_change = false;      // members may also apply, enroll, uninstall
  std::optional<SocketAddr> metrics;  // port 0 lets the kernel choose, see metrics_port()
  unsigned connections_max = 32;
  unsigned idle_seconds = 15;  // a connection on which nothing moves is closed
  std::size_t header_bytes_max = 32 * 1024;
  std::size_t body_bytes_max = 4 * 1024 * 1024;
};

class Server {
 public:
  // Binds both listeners, which may need privileges; a client that connects waits. No thread runs yet.
  static Outcome<std::unique_ptr<Server>> open(const ServerOptions& options, Log& log);
  // Starts the threads that answer; they have the capabilities that the caller has now. Once. `api` and the
  // log given to open() must outlive the server.
  Outcome<> serve(agent::AgentApi& api);
  // Waits for requests that are running, closes the rest, removes the socket.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t metrics_port() const;  // 0 when metrics are off

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice::control
