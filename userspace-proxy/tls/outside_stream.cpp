#include "tls/outside_stream.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <cerrno>
#include <utility>

#include "io/within.h"

namespace sluice::tls {
namespace {

constexpr std::size_t kPlaintextMax = 16U << 10U;

Error error_of(Reason reason, const char* step, int sys_errno = EPROTO) {
  return {reason, Origin::upstream, sys_errno, step};
}

Reason reason_of_chain(long code) {
  switch (code) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return Reason::tls_wrong_identity;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Reason::tls_expired;
    default:
      return Reason::tls_untrusted;
  }
}

}  // namespace

OutsideStream::OutsideStream(io::Ring& ring, std::unique_ptr<io::Stream> transport,
                             std::shared_ptr<const Outside> outside, OutsideTarget target)
    : transport_(std::move(transport)),
      outside_(std::move(outside)),
      target_(std::move(target)),
      flushed_(ring),
      ssl_(SSL_new(outside_->context_)) {
  x509::BioPtr bio(make_pipe_bio(pipe_));
  if (!bio) ssl_.reset();
  if (!ssl_) return;
  SSL_set_app_data(ssl_.get(), this);
  BIO_up_ref(bio.get());
  SSL_set0_rbio(ssl_.get(), bio.get());
  SSL_set0_wbio(ssl_.get(), bio.release());
  SSL_set_connect_state(ssl_.get());
  // An address is no server name (RFC 6066 section 3).
  if (!target_.server_name.empty() && !IpAddr::parse(target_.server_name))
    SSL_set_tlsext_host_name(ssl_.get(), target_.server_name.c_str());
}

OutsideStream::Step OutsideStream::step() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return Step::done;
  return SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ ? Step::reads : Step::failed;
}

Error OutsideStream::why_failed() const {
  constexpr const char* kStep = "TLS handshake";
  const long verified = SSL_get_verify_result(ssl_.get());
  if (verified != X509_V_OK) return error_of(reason_of_chain(verified), kStep);
  const auto code = ERR_peek_error();
  const bool alert = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET;
  return error_of(alert ? Reason::tls_handshake_failed : Reason::tls_protocol_error, kStep);
}

// `pool` outlives it.
io::Task<Result<>> OutsideStream::handshake(io::OffloadPool* pool) {
  if (!ssl_) co_return fail(Reason::internal_error, Origin::internal, "making a TLS connection");
  for (;;) {
    std::optional<Error> failed;
    // Errors of OpenSSL are those of the thread that met them.
    const Step now = co_await io::offload(*pool, [this, &failed] {
      const Step result = step();
      if (result == Step::failed) failed = why_failed();
      return result;
    });
    const auto sent = co_await flush();
    if (failed) co_return std::unexpected(*failed);
    if (!sent) co_return sent;
    if (now == Step::done) co_return Result<>();
    const auto received = co_await receive();
    if (!received) co_return received;
    if (ended_)
      co_return std::unexpected(error_of(Reason::tls_handshake_failed, "TLS handshake", ECONNRESET));
  }
}

io::Task<Result<>> OutsideStream::receive() {
  auto chunk = co_await transport_->read();
  if (!chunk) co_return std::unexpected(chunk.error());
  ended_ = chunk->empty();
  pipe_.in.insert(pipe_.in.end(), chunk->bytes().begin(), chunk->bytes().end());
  co_return Result<>();
}

// Nothing while there is nothing: one that waits holds no memory for it.
io::Chunk OutsideStream::decrypt(int& error) {
  if (pipe_.waiting() == 0 && SSL_has_pending(ssl_.get()) == 0) {
    error = SSL_ERROR_WANT_READ;
    return {};
  }
  auto out = io::Chunk::heap(kPlaintextMax);
  std::size_t size = 0;
  ERR_clear_error();
  const int result = SSL_read_ex(ssl_.get(), out.writable().data(), out.writable().size(), &size);
  error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), result);
  if (result != 1) return {};
  out.prefix(size);
  return out;
}

io::Task<Result<io::Chunk>> OutsideStream::read() {
  for (;;) {
    if (closed_) co_return io::Chunk();
    int error = SSL_ERROR_NONE;
    auto out = decrypt(error);
    // What the peer asked for while it spoke, such as new keys. Not waited for while a write takes it along.
    if (!pipe_.out.empty() && !flushing_) (void)co_await flush();
    if (error == SSL_ERROR_NONE) co_return std::move(out);
    if (error == SSL_ERROR_ZERO_RETURN) {
      closed_ = true;
    } else if (error != SSL_ERROR_WANT_READ) {
      co_return std::unexpected(why_failed());
    } else if (ended_) {
      // Without close_notify: somebody may have cut it short.
      co_return std::unexpected(error_of(Reason::upstream_reset, "TLS read", ECONNRESET));
    } else if (const auto received = co_await receive(); !received) {
      co_return std::unexpected(received.error());
    }
  }
}

io::Task<Result<>> OutsideStream::flush() {
  while (flushing_ || !pipe_.out.empty()) {
    if (flushing_) {
      const auto woken = co_await flushed_.wait();
      if (!woken) co_return woken;
      continue;
    }
    if (broken_) co_return std::unexpected(*broken_);
    flushing_ = true;
    const auto out = std::exchange(pipe_.out, {});
    const auto sent = co_await transport_->write(std::span<const std::byte>(out));
    flushing_ = false;
    flushed_.notify();
    if (!sent) broken_ = sent.error();
  }
  if (broken_) co_return std::unexpected(*broken_);
  co_return Result<>();
}

io::Task<Result<>> OutsideStream::write(io::Chunk chunk) {
  co_return co_await write(chunk.bytes());
}

io::Task<Result<>> OutsideStream::write(std::span<const std::byte> bytes) {
  if (bytes.empty()) co_return Result<>();
  std::size_t size = 0;
  ERR_clear_error();
  if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &size) != 1)
    co_return std::unexpected(error_of(Reason::tls_protocol_error, "TLS write"));
  co_return co_await flush();
}

io::Task<Result<>> OutsideStream::finish() {
  ERR_clear_error();
  (void)SSL_shutdown(ssl_.get());
  const auto flushed = co_await flush();
  if (!flushed) co_return flushed;
  co_return co_await transport_->finish();
}

io::Task<Result<std::unique_ptr<io::Stream>>> connect_outside(io::OffloadPool& pool,
                                                              std::unique_ptr<io::Stream> transport,
                                                              std::shared_ptr<const Outside> outside,
                                                              OutsideTarget target, Nanos limit) {
  io::Ring& ring = pool.ring();
  auto stream =
      std::make_unique<OutsideStream>(ring, std::move(transport), std::move(outside), std::move(target));
  const Error late{Reason::handshake_timeout, Origin::upstream, ETIMEDOUT, "TLS handshake"};
  const auto done = co_await io::within(ring, ring.now() + limit, late, stream->handshake(&pool));
  if (!done) co_return std::unexpected(done.error());
  co_return std::unique_ptr<io::Stream>(std::move(stream));
}

}  // namespace sluice::tls
