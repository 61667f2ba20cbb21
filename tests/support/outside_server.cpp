#include "tests/support/outside_server.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <utility>

#include "x509/pem.h"

namespace sluice::support {
namespace {

void add_extension(X509& certificate, X509& issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  X509_add_ext(&certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

std::string pending(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(size));
  (void)BIO_reset(bio);
  return out;
}

int choose(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
           unsigned length, void* server) {
  static_cast<OutsideServer*>(server)->offered.assign(reinterpret_cast<const char*>(offered), length);
  *out = offered + 1;
  *size = offered[0];
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

std::string Made::certificate_pem() const {
  return *x509::write_certificate(*certificate);
}

std::string Made::key_pem() const {
  return *x509::write_key(*key);
}

Made make(const std::string& names, const Made* issuer, int days) {
  Made out{x509::CertPtr(X509_new()), x509::KeyPtr(EVP_EC_gen("P-256"))};
  X509& certificate = *out.certificate;
  X509_set_version(&certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(&certificate), issuer == nullptr ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(&certificate), -100L * 24 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(&certificate), days * 24L * 3600);
  X509_set_pubkey(&certificate, out.key.get());
  const auto* name = reinterpret_cast<const unsigned char*>(issuer == nullptr ? "authority" : "server");
  X509_NAME_add_entry_by_txt(X509_get_subject_name(&certificate), "CN", MBSTRING_ASC, name, -1, -1, 0);
  X509& from = issuer == nullptr ? certificate : *issuer->certificate;
  X509_set_issuer_name(&certificate, X509_get_subject_name(&from));
  if (issuer == nullptr) add_extension(certificate, from, NID_basic_constraints, "critical,CA:TRUE");
  if (!names.empty()) add_extension(certificate, from, NID_subject_alt_name, names);
  X509_sign(&certificate, issuer == nullptr ? out.key.get() : issuer->key.get(), EVP_sha256());
  return out;
}

OutsideServer::OutsideServer(const Made& made, Answer what)
    : context(SSL_CTX_new(TLS_server_method())), answer(std::move(what)) {
  SSL_CTX_use_certificate(context.get(), made.certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), made.key.get());
  SSL_CTX_set_alpn_select_cb(context.get(), choose, this);
}

io::Task<void> serve_outside(OutsideServer* server, io::Stream* transport) {
  const std::unique_ptr<SSL, SslFree> ssl(SSL_new(server->context.get()));
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), in, out);
  SSL_set_accept_state(ssl.get());
  for (bool over = false; !over;) {
    char text[4096];
    const int size = SSL_read(ssl.get(), text, sizeof text);
    if (SSL_is_init_finished(ssl.get()) != 0) {
      const char* name = SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name);
      server->server_name = name == nullptr ? "" : name;
      server->version = SSL_get_version(ssl.get());
      server->had_client_certificate = SSL_get0_peer_certificate(ssl.get()) != nullptr;
    }
    const int error = SSL_get_error(ssl.get(), size);
    if (size > 0) {
      const std::string said = server->answer(std::string(text, static_cast<std::size_t>(size)));
      if (!said.empty()) SSL_write(ssl.get(), said.data(), static_cast<int>(said.size()));
    } else if (error == SSL_ERROR_ZERO_RETURN) {
      if (server->says_goodbye) SSL_shutdown(ssl.get());
      over = true;
    } else if (error != SSL_ERROR_WANT_READ) {
      over = true;
    }
    ERR_clear_error();
    if (const auto bytes = pending(out); !bytes.empty())
      (void)co_await transport->write(std::as_bytes(std::span(bytes)));
    if (over || size > 0) continue;
    const auto chunk = co_await transport->read();
    if (!chunk || chunk->empty()) break;
    BIO_write(in, chunk->bytes().data(), static_cast<int>(chunk->size()));
  }
  (void)co_await transport->finish();
}

}  // namespace sluice::support
