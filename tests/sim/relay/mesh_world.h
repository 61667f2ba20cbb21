// Two nodes with mutual TLS between them, on one simulated ring. Clients:
//   web       10.0.0.1, dials 241.0.0.1:80; the server's policy allows it
//   stranger  10.0.0.3, dials 241.0.0.3:80; of the mesh, and not allowed
//   forger    10.0.0.4, dials 241.0.0.4:80; its certificate says web, and another authority signed it
//   intruder  10.0.0.9, not of the mesh, dials the server itself without TLS
// The server is 10.0.0.2:80, its application listens at 10.0.0.2:8080. A client says a text of its own, made
// of its own word; the application checks that every byte is of one connection, and gives back as many bytes
// of an answer that is only that connection's.
#pragma once

#include <memory>
#include <random>
#include <string>

#include "base/credentials_image.h"
#include "identity/certificate_builder.h"
#include "tests/sim/relay/lives_lab.h"
#include "tests/support/seeded_entropy.h"
#include "tests/support/sim_offload.h"
#include "tls/credentials.h"

namespace sluice::relay {

enum class Who : std::uint8_t { web, stranger, forger, intruder };

struct MeshOptions {
  std::uint64_t seed = 1;
  io::SimFaults faults{};
  std::size_t webs = 100;
  std::size_t strangers = 0;
  std::size_t forgers = 0;
  std::size_t intruders = 0;
  std::size_t bytes_max = 30'000;    // of what a client says
  int disturbances = 0;              // policy swaps, rotations, revocations, dying nodes
  bool tunnels = true;               // false: the server chooses a TLS connection for each
  unsigned failing_allocations = 0;  // one of so many fails, on the average; 0: none
};

// What policy says at a moment.
struct Policy {
  bool leads = true;   // the client's node knows the service
  bool allows = true;  // the server's inbound allows web
};

struct MeshWorld : Recorded {
  explicit MeshWorld(const MeshOptions& options);

  void put_policy(Policy policy);
  // New leaves for everybody; `new_authority`: by another CA, trusted beside the earlier one.
  void rotate(bool new_authority);
  // Is web's identity revoked?
  void revoke(bool revoked);

  // Entropy first: everything below draws from it.
  support::SeededEntropy entropy;
  const MeshOptions options;
  io::SimRing sim;
  std::mt19937_64 random;
  std::unique_ptr<Clock> clock;
  io::SimOffload handshakes;
  Node here;
  Node there;
  io::Scope lives;

  int good = 0;
  int failed = 0;
  int corrupt = 0;             // a byte of another connection, at either end
  int trespass = 0;            // a byte of somebody who is not allowed, at the application
  std::uint64_t failures = 0;  // of allocations
  int answered = 0;            // somebody who is not allowed got a byte

 private:
  struct Authority {
    identity::KeyPtr key;
    identity::CertPtr certificate;
    std::string pem;
  };
  Authority new_authority();
  WorkloadCredentialImage leaf(WorkloadId workload, const std::string& name, const Authority& issuer);
  void put_credentials();
  std::shared_ptr<const tls::Credentials> credentials(std::vector<WorkloadCredentialImage> workloads,
                                                      const std::string& bundle, const Node& node);

  tls::Credentials::Environment here_environment_;
  tls::Credentials::Environment there_environment_;
  Authority authority_;
  Authority false_authority_;
  std::string bundle_;
  std::uint64_t generation_ = 0;
  std::uint64_t trust_generation_ = 0;
  Revocations revoked_;
  std::vector<WorkloadCredentialImage> leaves_;
};

// Plays it to its end and checks what must hold whatever happens. Null: a life never ended.
std::unique_ptr<MeshWorld> play(const MeshOptions& options);

}  // namespace sluice::relay
