// TLS to the endpoints of MeshExternalServices that ask for it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "io/offload.h"
#include "io/signal.h"
#include "io/stream.h"
#include "io/task.h"
#include "policy/table/decision.h"
#include "tls/outside.h"

namespace sluice::relay {

class Connection;

// Contexts by what they were made of. One per worker.
class OutsideContexts {
 public:
  static constexpr std::size_t kMax = 256;

  // Null: there is none yet.
  std::shared_ptr<const tls::Outside> known(const std::string& key) const;
  // Null: it cannot be made. What many ask for at once is made once. `pool` outlives it; `settings` outlive
  // the task.
  io::Task<Result<std::shared_ptr<const tls::Outside>>> get(io::OffloadPool* pool, std::string key,
                                                            const tls::OutsideSettings* settings);

 private:
  std::map<std::string, std::shared_ptr<const tls::Outside>> made_;
  std::map<std::string, std::shared_ptr<io::Signal>> under_way_;
};

// Precondition: permit.external_tls(). Errors: those of tls::connect_outside(); tls_untrusted when the
// document's data cannot be read or the system has no authorities.
io::Task<Result<std::unique_ptr<io::Stream>>> secure_outside(Connection& connection,
                                                             std::unique_ptr<io::Stream> transport,
                                                             policy::Permit permit);

}  // namespace sluice::relay
