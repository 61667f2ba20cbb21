// The certificate authority of one mesh on this node: signs workload certificates (SPIFFE X.509 SVIDs) with a
// key that all nodes of the mesh share by files. Builtin: a directory with ca.key, ca.crt and, while CAs are
// being exchanged, further ca*.crt that are trusted but sign nothing. Provided: files named by the operator.
// Control plane: may read and write files, not for the data path. The key never leaves this object.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace sluice::identity {

// What a certificate is asked for.
struct SvidRequest {
  // URI SANs: under MeshIdentity exactly one spiffe:// name, under Mesh.mtls also one per service and kuma://
  // per tag.
  std::vector<std::string> uris;
  std::chrono::seconds lifetime{24 * 3600};
};

// A workload's certificate with its key. key_pem is secret: never logged, never written to disk.
struct Svid {
  std::string chain_pem;  // leaf, then the signing CA when that is an intermediate
  std::string key_pem;
  std::string serial;      // hexadecimal, upper case
  std::string issuer_key;  // as in IssuedCertificate
  WallTime not_before{};
  WallTime not_after{};
  WallTime rotate_at{};  // when 4/5 of the lifetime are over

  bool rotation_due(WallTime now) const { return now >= rotate_at; }
};

struct ProvidedFiles {
  std::filesystem::path key;
  std::filesystem::path certificate;  // the signing CA first, then its own issuers
  std::vector<std::filesystem::path> further_trusted;
};

class Authority {
 public:
  // Loads the CA of `directory`, or makes directory, key and certificate (ECDSA P-256, ten years) when there
  // is none. Nodes that share the directory may do this at the same time: a lock and an exclusive link let
  // one of them win, the others load what it made. A crash half-way is mended by the next start. `clock`
  // outlives the authority.
  static Outcome<std::unique_ptr<Authority>> builtin(const std::filesystem::path& directory,
                                                     const std::string& trust_domain, const Clock& clock);
  // Like builtin(), and makes nothing: a directory that lost its files while it was in use is a fault, not
  // the beginning of a new CA.
  static Outcome<std::unique_ptr<Authority>> load(const std::filesystem::path& directory, const Clock& clock);
  static Outcome<std::unique_ptr<Authority>> provided(const ProvidedFiles& files, const Clock& clock);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  // Fails when a name is no SPIFFE or Kuma URI, or when the CA itself is not valid now. A lifetime that
  // reaches past the CA's own end is cut to it.
  Outcome<Svid> issue(const SvidRequest& request) const;

  // Every CA certificate to trust, as PEM; starts with the signing one.
  const std::string& bundle_pem() const;
  WallTime not_after() const;  // of the signing CA

  // Builtin: a file of the directory is no longer what was loaded, so load it anew (a CA exchange under way).
  // Reads no contents; cheap enough for every look at what is due.
  bool files_changed() const;

 private:
  struct Parts;
  Authority(std::unique_ptr<Parts> parts, const Clock& clock);

  std::unique_ptr<Parts> parts_;
  const Clock& clock_;
};

}  // namespace sluice::identity
