// From OpenSSL's handshake to Records: the secrets, the sequence numbers, and the ticket that comes
// afterwards.
#include <openssl/crypto.h>
#include <openssl/err.h>

#include <charconv>

#include "tls/engine.h"
#include "tls/workload_tls.h"

namespace sluice::tls {
namespace {

std::optional<Suite> suite_of(const SSL* ssl) {
  if (SSL_version(ssl) != TLS1_3_VERSION) return std::nullopt;
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl);
  switch (cipher != nullptr ? SSL_CIPHER_get_id(cipher) : 0) {
    case TLS1_3_CK_AES_128_GCM_SHA256:
      return Suite::aes_128_gcm;
    case TLS1_3_CK_AES_256_GCM_SHA384:
      return Suite::aes_256_gcm;
    case TLS1_3_CK_CHACHA20_POLY1305_SHA256:
      return Suite::chacha20_poly1305;
    default:
      return std::nullopt;
  }
}

void unhex(std::string_view text, std::vector<std::byte>& out) {
  out.clear();
  out.reserve(text.size() / 2);
  for (; text.size() >= 2; text.remove_prefix(2)) {
    unsigned value = 0;
    std::from_chars(text.data(), text.data() + 2, value, 16);
    out.push_back(static_cast<std::byte>(value));
  }
}

}  // namespace

void SecretText::wipe() {
  OPENSSL_cleanse(bytes.data(), bytes.size());
  bytes.clear();
}

// A line of the key log: label, client random, secret in hexadecimal digits.
void Engine::note_secret(std::string_view line) {
  const auto label = line.substr(0, line.find(' '));
  const auto secret = line.substr(line.rfind(' ') + 1);
  if (label == "CLIENT_TRAFFIC_SECRET_0") unhex(secret, client_secret_.bytes);
  if (label == "SERVER_TRAFFIC_SECRET_0") unhex(secret, server_secret_.bytes);
}

std::unique_ptr<Records> Engine::release_records(io::Chunk& unread) {
  const auto suite = state_ == State::ready && !sent_close_ ? suite_of(ssl_.get()) : std::nullopt;
  if (!suite || client_secret_.bytes.empty() || server_secret_.bytes.empty()) return nullptr;
  auto& read = server_ ? client_secret_ : server_secret_;
  auto& write = server_ ? server_secret_ : client_secret_;
  // A server has issued its ticket; a client of a resumed session gets none.
  const bool expects_ticket = !server_ && !resumed_;
  auto records = Records::make({.suite = *suite,
                                .read_secret = read.bytes,
                                .write_secret = write.bytes,
                                .written = records_written_,
                                .peer = peer_origin()},
                               expects_ticket ? this : nullptr);
  client_secret_.wipe();
  server_secret_.wipe();
  if (!records) return nullptr;
  unread = io::Chunk::copy_of(std::span(pipe_.in).subspan(pipe_.in_read));
  pipe_ = Pipe();  // not `= {}` of a vector, which keeps its memory
  if (!expects_ticket) free_ssl();
  return records;
}

void Engine::read_ticket(std::span<const std::byte> record) {
  pipe_.in.assign(record.begin(), record.end());
  pipe_.in_read = 0;
  std::byte none;
  std::size_t done = 0;
  ERR_clear_error();
  // Yields no data, but calls back with the new session.
  SSL_read_ex(ssl_.get(), &none, 1, &done);
  ERR_clear_error();
}

void Engine::no_more_tickets() {
  free_ssl();
  pipe_ = Pipe();
}

}  // namespace sluice::tls
