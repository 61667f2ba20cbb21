#include "relay/inbound.h"

#include <utility>

#include "relay/judged.h"
#include "relay/secure.h"
#include "relay/sniff.h"

namespace sluice::relay {
namespace {

using Kind = FirstBytes::Kind;

bool dialled_the_listener(const Connection& connection, const OrigDst& destination,
                          const policy::InboundView& view) {
  return destination.port == connection.listener_port() && !view.declared;
}

// Who has to speak first before anything is sent or dialled: everybody under STRICT, and whoever is known to
// speak mesh TLS. Others get a short silence, after which the server may be the one to begin.
Nanos granted_silence(const Connection& connection, const policy::InboundView& view) {
  const bool awaited = view.tls_mode == policy::TlsMode::strict ||
                       connection.table().enrolled_peer(connection.workload(), connection.client().ip);
  return awaited ? kFirstBytesLimit : kServerFirstSilence;
}

Error no_first_bytes(const FirstBytes& first) {
  if (first.kind == Kind::ended)
    return Error{Reason::plaintext_refused, Origin::downstream, 0, "first bytes"};
  return Error{Reason::handshake_timeout, Origin::downstream, 0, "first bytes"};
}

}  // namespace

io::Task<Error> serve_inbound(Connection& connection, io::SocketStream& client,
                              std::unique_ptr<tls::TlsStream>& tunnel) {
  Record& record = connection.record();
  const OrigDst destination(client.socket().local_address());
  record.destination(destination);

  if (const auto refusal = connection.admit_to_node()) co_return *refusal;
  const auto view = connection.table().inbound(connection.workload(), destination);
  if (dialled_the_listener(connection, destination, view)) {
    co_return Error{Reason::direct_to_listener, Origin::downstream, 0, "accept"};
  }
  record.service(view.section);
  record.transport(Transport::plaintext);

  // A mesh without mTLS asks for nothing, and its applications may begin as they like.
  if (view.tls_mode == policy::TlsMode::off)
    co_return co_await serve_judged(connection, client, destination, {});

  // Nothing that could be said would get an undeclared port admitted.
  if (!view.declared && view.tls_mode == policy::TlsMode::strict) {
    co_return Error{Reason::undeclared_port, Origin::policy, 0, "policy"};
  }

  auto first = co_await sniff(client.socket(), granted_silence(connection, view), kFirstBytesLimit);
  if (!first) co_return first.error();

  if (first->kind == Kind::mesh_tls) {
    auto secured = co_await accept_mesh_tls(connection, client, std::move(*first));
    if (!secured) co_return secured.error();
    if ((*secured)->alpn() == tls::Alpn::sluice_h2) {
      tunnel = std::move(*secured);
      co_return Error{Reason::completed, Origin::downstream, 0, "TLS handshake"};
    }
    co_return co_await serve_judged(connection, **secured, destination, {});
  }
  if (first->kind == Kind::application_tls) record.transport(Transport::app_tls);
  const bool unknown =
      first->kind == Kind::ended || first->kind == Kind::silence || first->kind == Kind::partial;
  if (unknown && view.tls_mode == policy::TlsMode::strict) co_return no_first_bytes(*first);
  co_return co_await serve_judged(connection, client, destination, first->bytes);
}

}  // namespace sluice::relay
