// An immutable snapshot of the node's credentials, ready for use: for each local workload its certificate and
// key as OpenSSL contexts for both roles, and whom its mesh trusts. Swapped whole by shared_ptr: a connection
// keeps the snapshot it began with, the next one takes the new. Workloads whose credentials did not change
// keep their contexts, and so their sessions, from one snapshot to the next.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/credentials_image.h"
#include "base/result.h"
#include "tls/session_store.h"

namespace sluice::tls {

struct Settings {
  // OpenSSL's list of key exchange groups, best first.
  std::string groups = "X25519:P-256";
  // How long a session may be resumed; never beyond either leaf or a change of trust.
  std::chrono::seconds session_lifetime{3600};
  bool prefer_tunnels = true;  // as server, pick `sluice-h2` when it is offered
};

// One workload's contexts; see workload_tls.h (the OpenSSL side).
struct WorkloadTls;

class Credentials {
 public:
  struct Environment {
    std::shared_ptr<SessionStore> store;
    const Clock* clock = nullptr;  // outlives every snapshot
    Settings settings;
  };

  // All or nothing; the fault names the mesh or workload and never quotes key material. `previous` may be
  // null.
  static Outcome<std::shared_ptr<const Credentials>> build(const CredentialsImage& image,
                                                           const Environment& environment,
                                                           const Credentials* previous = nullptr);

  std::uint64_t generation() const { return generation_; }
  std::size_t size() const { return workloads_.size(); }
  bool has(std::uint32_t workload) const { return workloads_.contains(workload); }
  // Null for a workload that has no certificate yet.
  std::shared_ptr<const WorkloadTls> find(std::uint32_t workload) const;
  const std::shared_ptr<const Revocations>& revoked() const { return revoked_; }
  const Environment& environment() const { return environment_; }

 private:
  Credentials() = default;

  std::uint64_t generation_ = 0;
  Environment environment_;
  std::shared_ptr<const Revocations> revoked_;
  std::unordered_map<std::uint32_t, std::shared_ptr<const WorkloadTls>> workloads_;
};

}  // namespace sluice::tls
