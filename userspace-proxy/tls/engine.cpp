#include "tls/engine.h"

#include <openssl/err.h>

#include <algorithm>

#include "tls/client_hello.h"
#include "tls/workload_tls.h"

namespace sluice::tls {
namespace {

// ALPN's wire form: each name with its length in front.
constexpr unsigned char kOfferBoth[] = "\x09sluice-h2\x06sluice";
constexpr unsigned char kOfferSingle[] = "\x06sluice";

constexpr std::size_t kRecordOverhead = 5 + 1 + 16;  // header, content type, tag (RFC 8446 5.2)

std::string session_key(std::uint32_t workload, const ClientTarget& target) {
  auto names = target.expected;
  std::ranges::sort(names);
  std::string key = std::to_string(workload) + ' ' + target.address.text();
  for (const auto& name : names) key += '\n' + name;
  return key;
}

Alpn chosen_alpn(SSL* ssl) {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &name, &size);
  const std::string_view chosen(reinterpret_cast<const char*>(name), size);
  if (chosen == kAlpnSluice) return Alpn::sluice;
  return chosen == kAlpnSluiceH2 ? Alpn::sluice_h2 : Alpn::none;
}

std::uint64_t count_records(std::span<const std::byte> output) {
  std::uint64_t count = 0;
  for (constexpr std::size_t kHeader = 5; output.size() >= kHeader; ++count) {
    const std::size_t length =
        std::to_integer<std::size_t>(output[3]) << 8 | std::to_integer<std::size_t>(output[4]);
    output = output.subspan(std::min(output.size(), kHeader + length));
  }
  return count;
}

// What OpenSSL's queued error means. An alert from the peer means that the peer refused us.
Reason reason_of(unsigned long code) {
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return Reason::tls_protocol_error;
  const int reason = ERR_GET_REASON(code);
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) return Reason::tls_no_certificate;
  return reason >= SSL_AD_REASON_OFFSET ? Reason::tls_handshake_failed : Reason::tls_protocol_error;
}

}  // namespace

void FreeSsl::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

Engine::Engine(const Credentials& credentials, std::shared_ptr<const WorkloadTls> tls, bool server)
    : tls_(std::move(tls)),
      store_(credentials.environment().store),
      revoked_(credentials.revoked()),
      clock_(credentials.environment().clock),
      server_(server),
      prefer_tunnels_(credentials.environment().settings.prefer_tunnels),
      ssl_(SSL_new(server ? tls_->server.get() : tls_->client.get())) {}

Engine::~Engine() {
  free_ssl();
}

void Engine::free_ssl() {
  // OpenSSL would forget the session of a connection that ended without close_notify; a TCP reset is no
  // reason to.
  if (ssl_ && state_ == State::ready) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  ssl_.reset();
}

Result<std::unique_ptr<Engine>> Engine::start(const Credentials& credentials, std::uint32_t workload,
                                              bool server) {
  auto tls = credentials.find(workload);
  if (!tls) return fail(Reason::tls_no_identity, Origin::internal, "looking up the workload's certificate");
  const auto now = credentials.environment().clock->wall();
  if (now >= tls->not_after)
    return fail(Reason::tls_no_identity, Origin::internal,
                "checking that the workload's certificate is valid");
  std::unique_ptr<Engine> engine(new Engine(credentials, std::move(tls), server));
  x509::BioPtr bio(make_pipe_bio(engine->pipe_));
  if (!engine->ssl_ || !bio) return fail(Reason::internal_error, Origin::internal, "making a TLS connection");
  SSL* ssl = engine->ssl_.get();
  SSL_set_app_data(ssl, engine.get());
  BIO_up_ref(bio.get());
  SSL_set0_rbio(ssl, bio.get());
  SSL_set0_wbio(ssl, bio.release());
  return engine;
}

Result<std::unique_ptr<Engine>> Engine::accept(const Credentials& credentials, std::uint32_t workload) {
  auto engine = start(credentials, workload, true);
  if (engine) SSL_set_accept_state((*engine)->ssl_.get());
  return engine;
}

Result<std::unique_ptr<Engine>> Engine::connect(const Credentials& credentials, std::uint32_t workload,
                                                ClientTarget target) {
  auto engine = start(credentials, workload, false);
  if (engine) (*engine)->offer(std::move(target));
  return engine;
}

void Engine::offer(ClientTarget target) {
  SSL_set_connect_state(ssl_.get());
  const auto offer = target.offer_tunnel
                         ? std::span<const unsigned char>(kOfferBoth, sizeof kOfferBoth - 1)
                         : std::span<const unsigned char>(kOfferSingle, sizeof kOfferSingle - 1);
  SSL_set_alpn_protos(ssl_.get(), offer.data(), static_cast<unsigned>(offer.size()));
  session_key_ = session_key(tls_->workload, target);
  target_ = std::move(target);
  const auto session = store_->client.find(session_key_);
  if (!session) return;
  if (!usable(session->epoch, *session->peer)) {
    store_->client.erase(session_key_);
    return;
  }
  // A duplicate, because OpenSSL writes into the session that it resumes and marks it used.
  SSL_SESSION* copy = SSL_SESSION_dup(session->session.get());
  if (copy != nullptr && SSL_set_session(ssl_.get(), copy) == 1) resumption_peer_ = session->peer;
  SSL_SESSION_free(copy);
}

bool Engine::usable(const std::string& epoch, const PeerIdentity& peer) const {
  return epoch == *tls_->epoch && peer.valid_at(clock_->wall()) && !revoked_->covers(peer);
}

std::size_t Engine::feed(std::span<const std::byte> ciphertext) {
  const auto room = kInputMax - std::min(kInputMax, pipe_.waiting());
  const auto taken = ciphertext.first(std::min(room, ciphertext.size()));
  if (pipe_.in_read > 0) {
    pipe_.in.erase(pipe_.in.begin(), pipe_.in.begin() + static_cast<std::ptrdiff_t>(pipe_.in_read));
    pipe_.in_read = 0;
  }
  pipe_.in.insert(pipe_.in.end(), taken.begin(), taken.end());
  return taken.size();
}

Result<bool> Engine::step() {
  constexpr const char* kStep = "TLS handshake";
  if (state_ == State::ready) return true;
  if (state_ == State::failed) return std::unexpected(error_);
  ERR_clear_error();
  const std::size_t output_before = pipe_.out.size();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    if (const auto done = finish_handshake(output_before); !done) return std::unexpected(done.error());
    return true;
  }
  const int want = SSL_get_error(ssl_.get(), result);
  if (want == SSL_ERROR_WANT_CLIENT_HELLO_CB) return false;
  if (want != SSL_ERROR_WANT_READ) return fail_from_queue(kStep);
  if (input_ended_) return fail_cut_short(kStep);
  // OpenSSL may have found something else in the hello that forbids the resumption.
  cheap_ = cheap_ && SSL_session_reused(ssl_.get()) == 1;
  return false;
}

std::optional<Result<bool>> Engine::step_if_cheap() {
  if (!server_ || (hello_judged_ && !cheap_)) return std::nullopt;
  only_cheap_ = true;
  auto done = step();
  only_cheap_ = false;
  if (done && state_ == State::handshaking && SSL_want_client_hello_cb(ssl_.get())) return std::nullopt;
  return done;
}

Result<void> Engine::finish_handshake(std::size_t output_before) {
  resumed_ = SSL_session_reused(ssl_.get()) == 1;
  alpn_ = chosen_alpn(ssl_.get());
  // A server's last step writes session tickets and nothing else; a client's ends with records under other
  // keys.
  if (server_) records_written_ = count_records(std::span(pipe_.out).subspan(output_before));
  if (resumed_) peer_ = resumption_peer_;
  // Both cannot happen while the callbacks stand; a connection without a proven peer must never come out of
  // here.
  if (!peer_) return fail_with({Reason::tls_no_certificate, peer_origin(), 0, "TLS handshake"});
  if (!server_ && !peer_->has_any(target_.expected))
    return fail_with({Reason::tls_wrong_identity, peer_origin(), 0, "TLS handshake"});
  if (alpn() == Alpn::none) return fail_with({Reason::tls_protocol_error, peer_origin(), 0, "TLS ALPN"});
  state_ = State::ready;
  return {};
}

Result<std::size_t> Engine::decrypt(std::span<std::byte> out) {
  constexpr const char* kStep = "TLS read";
  if (state_ == State::failed) return std::unexpected(error_);
  if (state_ != State::ready) return fail(Reason::internal_error, Origin::internal, kStep);
  if (peer_closed_) return std::size_t{0};
  ERR_clear_error();
  std::size_t done = 0;
  const int result = SSL_read_ex(ssl_.get(), out.data(), out.size(), &done);
  if (result == 1) return done;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_ZERO_RETURN:
      peer_closed_ = true;
      return std::size_t{0};
    case SSL_ERROR_WANT_READ:
      if (input_ended_) return fail_cut_short(kStep);
      return std::size_t{0};
    default:
      return fail_from_queue(kStep);
  }
}

Result<void> Engine::encrypt(std::span<const std::byte> plaintext) {
  constexpr const char* kStep = "TLS write";
  if (state_ == State::failed) return std::unexpected(error_);
  if (state_ != State::ready || sent_close_) return fail(Reason::internal_error, Origin::internal, kStep);
  if (plaintext.empty()) return {};
  const auto records = plaintext.size() / kRecordPlaintextMax + 1;
  pipe_.out.reserve(pipe_.out.size() + plaintext.size() + records * kRecordOverhead);
  ERR_clear_error();
  std::size_t done = 0;
  // The pipe takes everything, so a write is never partial.
  if (SSL_write_ex(ssl_.get(), plaintext.data(), plaintext.size(), &done) != 1) return fail_from_queue(kStep);
  return {};
}

void Engine::close_notify() {
  if (state_ != State::ready || sent_close_) return;
  sent_close_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

std::vector<std::byte> Engine::take_output(std::vector<std::byte> reuse) {
  reuse.clear();
  return std::exchange(pipe_.out, std::move(reuse));
}

std::unexpected<Error> Engine::fail_with(Error error) {
  state_ = State::failed;
  error_ = error;
  return std::unexpected(error);
}

std::unexpected<Error> Engine::fail_from_queue(const char* step) {
  const auto code = ERR_peek_error();
  ERR_clear_error();
  // A session whose use failed is not offered again.
  if (!server_ && state_ == State::handshaking && resumption_peer_) store_->client.erase(session_key_);
  if (refusal_) return fail_with(*refusal_);
  return fail_with({reason_of(code), peer_origin(), 0, step});
}

std::unexpected<Error> Engine::fail_cut_short(const char* step) {
  return fail_with({server_ ? Reason::client_reset : Reason::upstream_reset, peer_origin(), 0, step});
}

}  // namespace sluice::tls
