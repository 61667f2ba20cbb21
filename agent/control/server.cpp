#include "control/server.h"

#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "control/http_daemon.h"
#include "control/routes.h"
#include "control/unix_listener.h"

namespace sluice::control {
namespace {

constexpr int kMetricsBacklog = 16;
constexpr unsigned kMetricsConnectionsMax = 16;
constexpr unsigned kMetricsPerAddressMax = 8;

Outcome<Fd> listen_tcp(const SocketAddr& address) {
  const int family = address.ip.is_v4() ? AF_INET : AF_INET6;
  Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fault_errno("metrics listener", errno);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage storage{};
  const auto length = address.to(storage, family);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0)
    return fault_errno(fmt::format("metrics listener on {}", address.text()), errno,
                       "choose another metrics address in the configuration");
  if (::listen(fd.get(), kMetricsBacklog) != 0) return fault_errno("metrics listener", errno);
  return fd;
}

// The TCP port gives everybody the metrics and nobody anything else.
Response metrics_only(agent::AgentApi& api, const Request& request) {
  if (request.path != "/metrics")
    return error_response(
        404, Fault{"this port serves only /metrics", "everything else is on the control socket"});
  return answer(api, request).response;
}

}  // namespace

struct Server::Parts {
  ServerOptions options;
  Log& log;
  std::optional<gid_t> group;
  std::optional<UnixListener> listener;
  std::unique_ptr<HttpDaemon> control;
  Fd metrics_listener;
  std::unique_ptr<HttpDaemon> metrics;
};

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Outcome<std::unique_ptr<Server>> Server::open(const ServerOptions& options, Log& log) {
  auto parts =
      std::make_unique<Parts>(Parts{options, log, std::nullopt, std::nullopt, nullptr, Fd(), nullptr});
  if (!options.group.empty()) parts->group = group_id(options.group);
  if (!parts->group && !options.group.empty())
    log.warn(
        "group '{}' does not exist: only root can use {} (`groupadd --system {}` and restart to change that)",
        options.group, options.socket_path, options.group);
  auto listener = UnixListener::open(options.socket_path, parts->group);
  if (!listener) return std::unexpected(listener.error());
  parts->listener.emplace(*std::move(listener));
  if (options.metrics) {
    auto tcp = listen_tcp(*options.metrics);
    if (!tcp) return std::unexpected(tcp.error());
    parts->metrics_listener = *std::move(tcp);
  }
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Outcome<> Server::serve(agent::AgentApi& api) {
  const ServerOptions& options = parts_->options;
  const AccessRule rule{::geteuid(), parts_->group, options.group_may_change};
  const HttpLimits limits{options.connections_max, 0, options.idle_seconds, options.header_bytes_max,
                          options.body_bytes_max};
  auto control = HttpDaemon::start(
      parts_->listener->fd(), limits, [rule](int socket) { return peer_access(socket, rule); },
      [&api](const Request& request) {
        Answer out = answer(api, request);
        Reply reply{std::move(out.response), nullptr};
        if (out.shutdown) reply.afterwards = [&api] { api.shutdown(); };
        return reply;
      },
      parts_->log);
  if (!control) return std::unexpected(control.error());
  parts_->control = *std::move(control);
  if (!parts_->metrics_listener) return {};

  const HttpLimits metrics_limits{kMetricsConnectionsMax, kMetricsPerAddressMax, options.idle_seconds,
                                  options.header_bytes_max, 0};
  auto metrics = HttpDaemon::start(
      parts_->metrics_listener.get(), metrics_limits, [](int) { return Access::read; },
      [&api](const Request& request) { return Reply{metrics_only(api, request), nullptr}; }, parts_->log);
  if (!metrics) return std::unexpected(metrics.error());
  parts_->metrics = *std::move(metrics);
  return {};
}

Server::~Server() = default;

std::uint16_t Server::metrics_port() const {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (!parts_->metrics_listener ||
      ::getsockname(parts_->metrics_listener.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0)
    return 0;
  return SocketAddr::from(storage).port;
}

}  // namespace sluice::control
