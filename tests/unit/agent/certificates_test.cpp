// A CA that is exchanged while the agent runs: overlapping trust, new leaves, and the last good one on bad
// files.
#include "app/certificates.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "../tls/mesh_fixture.h"

namespace sluice::agent {
namespace {

namespace fs = std::filesystem;
using tls::SetClock;
using tls::TemporaryDirectory;

std::string slurp(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class CaExchange : public testing::Test {
 protected:
  CaExchange() {
    config.identity_ca_dir = root.path().string();
    config.identity_svid_lifetime = std::chrono::hours(24);
    EXPECT_TRUE(certificates.update(wishes));
  }
  fs::path mesh() const { return root.path() / "default"; }
  std::string bundle() const { return certificates.image().meshes.at(0).trusts.at(0).bundle_pem; }

  SetClock clock;
  TemporaryDirectory root;
  Config config;
  Certificates certificates{config, clock};
  const std::vector<CertificateWish> wishes{
      {WorkloadId{1}, "web-1", "default", {"spiffe://default/web", "kuma://version/1"}}};
};

TEST_F(CaExchange, NothingChangesWhileTheFilesStay) {
  const auto before = certificates.image();
  EXPECT_FALSE(certificates.reload_authorities());
  EXPECT_FALSE(certificates.update(wishes));
  EXPECT_EQ(certificates.image(), before);
}

TEST_F(CaExchange, NewCaSignsWhileTheOldOneIsStillTrusted) {
  const auto before = certificates.image();
  const auto serial = certificates.serial_of(WorkloadId{1});
  fs::rename(mesh() / "ca.crt", mesh() / "ca-old.crt");
  fs::remove(mesh() / "ca.key");
  ASSERT_TRUE(identity::Authority::builtin(mesh(), "default", clock));
  EXPECT_TRUE(certificates.reload_authorities());
  EXPECT_TRUE(certificates.update(wishes));
  EXPECT_NE(certificates.serial_of(WorkloadId{1}), serial);
  EXPECT_EQ(bundle().find(slurp(mesh() / "ca.crt")), 0U);
  EXPECT_NE(bundle().find(slurp(mesh() / "ca-old.crt")), std::string::npos);
  EXPECT_GT(certificates.image().generation, before.generation);
  EXPECT_GT(certificates.image().meshes.at(0).generation, before.meshes.at(0).generation);
}

TEST_F(CaExchange, RemovedCaIsNoLongerTrusted) {
  const auto old = slurp(mesh() / "ca.crt");
  fs::remove(mesh() / "ca.crt");
  fs::remove(mesh() / "ca.key");
  ASSERT_TRUE(identity::Authority::builtin(mesh(), "default", clock));
  EXPECT_TRUE(certificates.reload_authorities());
  EXPECT_EQ(bundle().find(old), std::string::npos);
}

TEST_F(CaExchange, BadFilesKeepTheLastGoodCa) {
  const auto before = certificates.image();
  const auto good = slurp(mesh() / "ca.crt");
  std::ofstream(mesh() / "ca.crt") << "garbage";
  EXPECT_FALSE(certificates.reload_authorities());
  ASSERT_EQ(certificates.exchange_problems().size(), 1U);
  EXPECT_NE(certificates.exchange_problems()[0].find("ca.crt"), std::string::npos);
  EXPECT_FALSE(certificates.update(wishes));
  EXPECT_EQ(certificates.image(), before);
  std::ofstream(mesh() / "ca.crt") << good;
  EXPECT_FALSE(certificates.reload_authorities()) << "the same CA again is no change";
  EXPECT_TRUE(certificates.exchange_problems().empty());
}

TEST_F(CaExchange, LostFilesMakeNoNewCa) {
  fs::remove(mesh() / "ca.crt");
  fs::remove(mesh() / "ca.key");
  EXPECT_FALSE(certificates.reload_authorities());
  EXPECT_EQ(certificates.exchange_problems().size(), 1U);
  EXPECT_FALSE(fs::exists(mesh() / "ca.key"));
}

TEST_F(CaExchange, RevokedSerialIsReplacedAndRevokedNameGetsNothing) {
  const auto serial = certificates.serial_of(WorkloadId{1});
  std::ofstream(mesh() / "ca.revoked") << serial << "  # stolen\n";
  EXPECT_TRUE(certificates.reload_authorities());
  EXPECT_TRUE(certificates.update(wishes));
  EXPECT_NE(certificates.serial_of(WorkloadId{1}), serial);
  EXPECT_TRUE(certificates.image().revoked.serials.contains(serial));

  std::ofstream(mesh() / "ca.revoked") << "nonsense here\nspiffe://default/web\n";
  EXPECT_TRUE(certificates.reload_authorities());
  EXPECT_TRUE(certificates.update(wishes));
  EXPECT_TRUE(certificates.image().workloads.empty());
  ASSERT_EQ(certificates.exchange_problems().size(), 1U);
  EXPECT_NE(certificates.exchange_problems()[0].find("ca.revoked:1"), std::string::npos);

  fs::remove(mesh() / "ca.revoked");
  EXPECT_TRUE(certificates.reload_authorities());
  EXPECT_TRUE(certificates.update(wishes));
  EXPECT_EQ(certificates.image().workloads.size(), 1U);
  EXPECT_TRUE(certificates.image().revoked.empty());
}

}  // namespace
}  // namespace sluice::agent
