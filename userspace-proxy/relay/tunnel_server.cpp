#include "relay/tunnel_server.h"

#include "relay/judged.h"
#include "tunnel/tunnel.h"

namespace sluice::relay {
namespace {

io::Task<void> serve_stream(Connection& connection, tunnel::TunnelStream& stream, OrigDst destination,
                            Error& end) {
  const auto refusal = connection.admit_to_node();
  end = refusal ? *refusal : co_await serve_judged(connection, stream, destination, {}, &stream);
}

class ServedTunnel final : public tunnel::StreamHandler {
 public:
  ServedTunnel(Connection& connection, std::shared_ptr<const PeerIdentity> peer, OrigDst destination)
      : context_(connection.context()),
        entrance_(connection.entrance()),
        peer_(std::move(peer)),
        judged_(connection.peer),
        outer_(connection.client()),
        destination_(destination) {}

  // A tunnel belongs to one client workload and leads to one address: no stream may claim another. The
  // address that the tunnel itself comes from is the workload's even when its Dataplane does not list it, as
  // often with IPv6.
  std::optional<Error> check(const tunnel::StreamRequest& request) override {
    const bool true_destination = request.destination == destination_;
    const bool true_client = request.client.ip == outer_.ip ||
                             context_.snapshot.table->address_belongs(request.client.ip, *judged_.get());
    if (true_destination && true_client) return std::nullopt;
    context_.sinks.flight.count(context_.sinks.worker, Reason::tunnel_forged);
    return Error{Reason::tunnel_forged, Origin::downstream, 0, "tunnel request"};
  }

  void refused(const Error& why) override { context_.sinks.flight.count(context_.sinks.worker, why.reason); }

  io::Task<void> serve(std::unique_ptr<tunnel::TunnelStream> stream, tunnel::StreamRequest request) override {
    Connection connection(context_, entrance_, ClientAddr(request.client));
    connection.peer = JudgedPeer(peer_->uris, {});
    connection.rests_on(peer_);
    connection.record().peer(connection.peer.name());
    connection.record().destination(destination_);
    connection.record().transport(Transport::tunnel);
    Error end{Reason::internal_error, Origin::internal, 0, "serve"};
    connection.scope().spawn(serve_stream(connection, *stream, destination_, end));
    co_await connection.scope().join();
    conclude(connection, *stream, end);
  }

 private:
  Context& context_;
  Entrance entrance_;
  std::shared_ptr<const PeerIdentity> peer_;
  const JudgedPeer& judged_;
  ClientAddr outer_;
  OrigDst destination_;
};

// In the worker's list as long as it is served.
class Listed {
 public:
  Listed(Context& context, tunnel::Tunnel& tunnel) : context_(context), tunnel_(tunnel) {
    context_.served_tunnels.insert(&tunnel_);
  }
  ~Listed() { context_.served_tunnels.erase(&tunnel_); }
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;

 private:
  Context& context_;
  tunnel::Tunnel& tunnel_;
};

}  // namespace

io::Task<Error> serve_tunnel(Connection& connection, std::unique_ptr<tls::TlsStream> transport,
                             OrigDst destination) {
  connection.record().service("tunnel");
  connection.record().transport(Transport::tunnel);
  Context& context = connection.context();
  ServedTunnel handler(connection, transport->shared_peer(), destination);
  if (const auto refusal = connection.settle()) co_return *refusal;
  const auto tunnel =
      tunnel::Tunnel::make(context.ring, std::move(transport), tunnel::Role::server, {}, &handler);
  const Listed listed(context, *tunnel);
  if (context.leaving) tunnel->drain();
  co_return co_await tunnel->run();
}

}  // namespace sluice::relay
