// Certificates and engines for TLS tests: authorities in a temporary directory, a clock that the test sets,
// and two engines joined in memory.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/credentials_image.h"
#include "identity/authority.h"
#include "tls/engine.h"

namespace sluice::tls {

class SetClock final : public Clock {
 public:
  MonoTime now() const override { return MonoTime(wall_.time_since_epoch()); }
  WallTime wall() const override { return wall_; }
  void set(WallTime wall) { wall_ = wall; }
  void advance(Nanos by) { wall_ += by; }

 private:
  WallTime wall_ = SystemClock().wall();
};

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "sluice-tls-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A CA and what it signs. `clock` gives the time of issue.
struct TestAuthority {
  explicit TestAuthority(const std::string& trust_domain, const Clock& clock)
      : authority(*identity::Authority::builtin(directory.path(), trust_domain, clock)) {}

  identity::Svid issue(std::vector<std::string> uris,
                       std::chrono::seconds lifetime = std::chrono::hours(24)) const {
    auto svid = authority->issue({std::move(uris), lifetime});
    EXPECT_TRUE(svid) << (svid ? "" : svid.error().message);
    return *svid;
  }

  TemporaryDirectory directory;
  std::unique_ptr<identity::Authority> authority;
};

inline constexpr std::uint32_t kClientWorkload = 1;
inline constexpr std::uint32_t kServerWorkload = 2;
inline const std::string kClientName = "spiffe://default/web";
inline const std::string kServerName = "spiffe://default/backend";

// One side's view of the mesh: its own certificate and whom it trusts.
inline CredentialsImage image_of(std::uint32_t workload, const identity::Svid& svid,
                                 const std::string& bundle_pem, std::uint64_t generation = 1,
                                 const std::string& trust_domain = "default") {
  return {.generation = generation,
          .meshes = {{"default", generation, {{trust_domain, IdentityForm::kuma, bundle_pem}}}},
          .workloads = {{workload, "default", svid.chain_pem, svid.key_pem}}};
}

struct Ends {
  std::unique_ptr<Engine> client;
  std::unique_ptr<Engine> server;
};

// What became of a handshake on each side.
struct Outcomes {
  Result<void> client;
  Result<void> server;
};

// Carries bytes both ways until both sides are finished or failed, then once more, so that a refusal is
// heard.
Outcomes join(Engine& client, Engine& server);

// Moves what is waiting from one engine to the other.
void carry(Engine& from, Engine& to);

std::string read_all(Engine& engine);

}  // namespace sluice::tls
