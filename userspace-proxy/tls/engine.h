// The mesh's TLS as a state machine: ciphertext in, ciphertext out, no socket inside. TLS 1.3 only, both ends
// prove a SPIFFE identity. One engine is one connection and is used by one thread at a time; the steps of the
// handshake cost hundreds of microseconds and belong on a pool thread, decrypt and encrypt belong on the
// worker.
//
//   feed(bytes from the socket); step(); send take_output() to the socket     until step() says finished
//   feed(...); decrypt(buffer) until it yields 0                              plaintext in
//   encrypt(plaintext); send take_output()                                    plaintext out
//
// After any error the connection is finished; take_output() still holds the alert that tells the peer why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/peer_identity.h"
#include "base/result.h"
#include "tls/credentials.h"
#include "tls/pipe_bio.h"
#include "tls/records.h"

struct ssl_st;

namespace sluice::tls {

struct FreeSsl {
  void operator()(ssl_st* ssl) const;
};

// A traffic secret on its way from OpenSSL to Records; wiped when it dies.
struct SecretText {
  std::vector<std::byte> bytes;
  SecretText() = default;
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { wipe(); }
  void wipe();
};

enum class Alpn : std::uint8_t { none, sluice, sluice_h2 };

struct ClientTarget {
  // The server must prove one of these names; an empty list refuses every server.
  std::vector<std::string> expected;
  SocketAddr address;        // where the server listens: part of the key of a session
  bool offer_tunnel = true;  // offer `sluice-h2` besides `sluice`
};

class Engine final : private TicketReader {
 public:
  // Ciphertext that waits inside is bounded: a few records, the rest stays in the socket.
  static constexpr std::size_t kInputMax = 64u << 10;
  static constexpr std::size_t kRecordPlaintextMax = 16u << 10;

  // Error: tls_no_identity when the workload has no certificate of its own that is valid now.
  static Result<std::unique_ptr<Engine>> connect(const Credentials& credentials, std::uint32_t workload,
                                                 ClientTarget target);
  static Result<std::unique_ptr<Engine>> accept(const Credentials& credentials, std::uint32_t workload);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Takes as much as fits and returns how much that was.
  std::size_t feed(std::span<const std::byte> ciphertext);
  // The peer closed its side of the TCP connection.
  void feed_end() { input_ended_ = true; }

  // Advances the handshake with what was fed. True when it is finished; false when the peer must speak first.
  Result<bool> step();
  // The same as far as it is cheap enough for a worker: a client has come back with a session that is known
  // here. Nothing: step() has to go on, on a pool thread.
  std::optional<Result<bool>> step_if_cheap();
  bool ready() const { return state_ == State::ready; }

  // Ends OpenSSL's part of a finished TLS 1.3 handshake: what follows is Records' work, and decrypt(),
  // encrypt() and close_notify() are not to be called any more. Null: this connection stays with OpenSSL.
  // `unread`: ciphertext that was fed and not looked at, the first input of Records::open(). The engine
  // outlives what it returns for as long as awaits_ticket().
  std::unique_ptr<Records> release_records(io::Chunk& unread);
  // A client's, whose Records still have to show it the ticket.
  bool awaits_ticket() const { return ssl_ != nullptr; }

  // Plaintext into `out`, at most one record; 0 means more ciphertext is needed, or peer_closed(). An end of
  // input without close_notify is client_reset or upstream_reset: somebody may have cut the stream short.
  Result<std::size_t> decrypt(std::span<std::byte> out);
  Result<void> encrypt(std::span<const std::byte> plaintext);
  // Ends our direction only; the peer may go on sending.
  void close_notify();
  // The peer ended its direction in order.
  bool peer_closed() const { return peer_closed_; }

  bool has_output() const { return !pipe_.out.empty(); }
  // Ciphertext for the socket, moved out. `reuse` lends its memory to the next output.
  std::vector<std::byte> take_output(std::vector<std::byte> reuse = {});

  // Valid once ready().
  Alpn alpn() const { return alpn_; }
  const std::shared_ptr<const PeerIdentity>& peer() const { return peer_; }
  bool resumed() const { return resumed_; }

 private:
  enum class State : std::uint8_t { handshaking, ready, failed };
  friend struct EngineCallbacks;

  Engine(const Credentials& credentials, std::shared_ptr<const WorkloadTls> tls, bool server);
  static Result<std::unique_ptr<Engine>> start(const Credentials& credentials, std::uint32_t workload,
                                               bool server);
  void offer(ClientTarget target);
  Result<void> finish_handshake(std::size_t output_before);
  void note_secret(std::string_view line);
  void read_ticket(std::span<const std::byte> record) override;
  void no_more_tickets() override;
  void free_ssl();
  std::unexpected<Error> fail_with(Error error);
  std::unexpected<Error> fail_from_queue(const char* step);
  std::unexpected<Error> fail_cut_short(const char* step);
  Origin peer_origin() const { return server_ ? Origin::downstream : Origin::upstream; }
  bool usable(const std::string& epoch, const PeerIdentity& peer) const;

  std::shared_ptr<const WorkloadTls> tls_;
  std::shared_ptr<SessionStore> store_;
  std::shared_ptr<const Revocations> revoked_;
  const Clock* clock_;
  bool server_;
  bool prefer_tunnels_;
  bool input_ended_ = false;
  bool peer_closed_ = false;
  bool sent_close_ = false;
  bool resumed_ = false;
  bool only_cheap_ = false;    // step_if_cheap() is running
  bool hello_judged_ = false;  // the client's first message has come
  bool cheap_ = false;         // and names a session that may be resumed
  Alpn alpn_ = Alpn::none;
  State state_ = State::handshaking;
  std::optional<Error> refusal_;  // set by a callback that ended the handshake
  Error error_;                   // of the failed state; every later call gives it again
  ClientTarget target_;
  std::string session_key_;                              // of the client's store
  std::shared_ptr<const PeerIdentity> peer_;             // proved in this handshake, or resumed
  std::shared_ptr<const PeerIdentity> resumption_peer_;  // of the session that is offered or asked for
  std::uint64_t records_written_ = 0;  // under the application's keys, by the handshake: session tickets
  SecretText client_secret_;
  SecretText server_secret_;
  Pipe pipe_;
  std::unique_ptr<ssl_st, FreeSsl> ssl_;  // last, because it uses the others
};

}  // namespace sluice::tls
