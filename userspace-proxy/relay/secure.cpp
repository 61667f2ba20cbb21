#include "relay/secure.h"

#include <utility>

#include "tls/handshakes.h"

namespace sluice::relay {
namespace {

// Lends a stream that somebody else closes.
class BorrowedStream final : public io::Stream {
 public:
  explicit BorrowedStream(io::Stream& lender) : lender_(lender) {}
  io::Task<Result<io::Chunk>> read() override { return lender_.read(); }
  io::Task<Result<>> write(io::Chunk chunk) override { return lender_.write(std::move(chunk)); }
  io::Task<Result<>> write(std::span<const std::byte> bytes) override { return lender_.write(bytes); }
  io::Task<Result<>> finish() override { return lender_.finish(); }
  void reset(Error why) override { lender_.reset(why); }
  void rest() override { lender_.rest(); }

 private:
  io::Stream& lender_;
};

void note_handshake(Connection& connection, const Result<std::unique_ptr<tls::TlsStream>>& secured) {
  RecordSinks& sinks = connection.context().sinks;
  if (!secured) {
    sinks.flight.add(sinks.worker, Metric::tls_handshakes_failed, 1);
    return;
  }
  const bool resumed = (*secured)->resumed();
  sinks.flight.add(sinks.worker, resumed ? Metric::tls_handshakes_resumed : Metric::tls_handshakes_full, 1);
  connection.record().resumed(resumed);
  connection.record().transport(Transport::mesh_tls);
  const auto& uris = (*secured)->peer().uris;
  if (!uris.empty()) connection.record().peer(uris.front());
}

}  // namespace

io::Task<Result<std::unique_ptr<tls::TlsStream>>> secure_upstream(Connection& connection,
                                                                  std::unique_ptr<io::Stream> transport,
                                                                  policy::Permit permit, bool offer_tunnel) {
  const auto expected = permit.expected_identities();
  tls::ClientTarget target{{expected.begin(), expected.end()}, permit.address(), offer_tunnel};
  auto secured = co_await connection.context().handshakes.connect(
      std::move(transport), connection.snapshot().credentials, number(connection.workload()),
      std::move(target));
  note_handshake(connection, secured);
  co_return secured;
}

io::Task<Result<std::unique_ptr<tls::TlsStream>>> accept_mesh_tls(Connection& connection, io::Stream& client,
                                                                  FirstBytes first) {
  if (!connection.snapshot().credentials)
    co_return fail(Reason::tls_no_identity, Origin::internal, "credentials");
  auto secured = co_await connection.context().handshakes.accept(
      std::make_unique<BorrowedStream>(client), connection.snapshot().credentials,
      number(connection.workload()), io::Chunk::copy_of(first.bytes));
  note_handshake(connection, secured);
  if (!secured) {
    connection.close_in_order();  // an alert has told the peer why; a reset might overtake it
    co_return std::unexpected(secured.error());
  }
  connection.peer = JudgedPeer((*secured)->peer().uris, first.hello.sni());
  connection.rests_on((*secured)->shared_peer());
  co_return secured;
}

}  // namespace sluice::relay
