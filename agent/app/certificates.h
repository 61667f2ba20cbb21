// The certificates of this node's workloads: one CA per mesh (files shared by the nodes), one leaf per local
// workload, renewed at 4/5 of its lifetime. Private keys live here and in the CREDENTIALS section only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/agent_api.h"
#include "app/crl_files.h"
#include "base/clock.h"
#include "base/credentials_image.h"
#include "base/workload.h"
#include "config/config.h"
#include "identity/authority.h"
#include "identity/deny_list.h"

namespace sluice::agent {

// A workload that needs a certificate with these URI names (SPIFFE IDs first).
struct CertificateWish {
  WorkloadId workload = WorkloadId::none;
  std::string name;
  std::string mesh;
  std::vector<std::string> uris;
};

class Certificates {
 public:
  // `config` and `clock` outlive this object.
  Certificates(const Config& config, const Clock& clock)
      : config_(config), clock_(clock), crls_(config, clock) {}

  // Issues what is missing or whose names changed, renews what is due, forgets the rest. What cannot be
  // issued keeps its old certificate and is listed in problems(). True when image() changed.
  bool update(const std::vector<CertificateWish>& wishes);
  // Loads CAs whose files were exchanged. A CA that cannot be loaded stays as it was and is told by
  // exchange_problems() until its files are good. True when update() and image() have something new.
  bool reload_authorities();
  // Reads CRL files that changed or went out of date; after update(), which loads the CAs that must have
  // signed them. True when update() and image() have something new.
  bool reload_crls();
  const CrlFiles& crls() const { return crls_; }
  // When update() and reload_crls() have to run again without a change of wishes.
  WallTime next_rotation() const;

  CredentialsImage image() const;
  std::vector<CertificateInfo> list() const;
  const std::vector<std::string>& problems() const { return problems_; }
  std::vector<std::string> exchange_problems() const;
  // First SPIFFE ID of the workload's certificate; empty when it has none.
  std::string identity_of(WorkloadId workload) const;
  std::string serial_of(WorkloadId workload) const;

 private:
  struct Leaf {
    CertificateWish wish;
    identity::Svid svid;
    bool outdated = false;  // the signing CA was exchanged: the next update() issues anew
  };
  Outcome<const identity::Authority*> authority_of(const std::string& mesh, const std::string& trust_domain);
  bool issue(const CertificateWish& wish);
  // Reads the deny list of a mesh; true when what is revoked changed.
  bool read_revocations(const std::string& mesh);
  // Puts deny lists and CRLs together; true when what is revoked changed.
  bool merge_revocations();

  const Config& config_;
  const Clock& clock_;
  std::uint64_t generation_ = 0;
  std::map<std::string, std::unique_ptr<identity::Authority>> authorities_;
  std::map<std::string, TrustImage> trusts_;
  std::map<std::string, std::uint64_t> trust_generations_;  // raised with every change of a mesh's bundle
  std::map<std::string, std::string> exchange_problems_;    // by mesh
  std::map<std::string, identity::DenyList> denied_;        // by mesh
  CrlFiles crls_;
  Revocations revoked_;  // of all meshes
  std::map<WorkloadId, Leaf> leaves_;
  std::vector<std::string> problems_;
};

}  // namespace sluice::agent
