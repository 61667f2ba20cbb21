// CRL files of a running agent: what they revoke, and what stays in force when they go bad or out of date.
#include "app/crl_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "../identity/crl_maker.h"
#include "../tls/mesh_fixture.h"
#include "app/certificates.h"

namespace sluice::agent {
namespace {

namespace fs = std::filesystem;
using identity::CrlWish;
using identity::make_crl;
using std::chrono::hours;
using tls::SetClock;
using tls::TemporaryDirectory;

class CrlFilesOfAgent : public testing::Test {
 protected:
  CrlFilesOfAgent() {
    config.identity_ca_dir = (root.path() / "ca").string();
    config.paths_state_dir = (root.path() / "state").string();
    config.identity_crl_files = {file.string()};
    config.identity_svid_lifetime = hours(240);
    fresh();
  }
  // The agent starts again.
  void fresh() {
    certificates = std::make_unique<Certificates>(config, clock);
    ASSERT_TRUE(certificates->update(wishes));
  }
  fs::path mesh() const { return root.path() / "ca/default"; }
  void write(const std::string& bytes) const {
    std::ofstream(root.path() / "new") << bytes;
    fs::rename(root.path() / "new", file);
  }
  std::string list(std::vector<std::string> serials, WallTime at = {}) const {
    const auto from = at == WallTime{} ? clock.wall() : at;
    return make_crl(mesh(),
                    {.this_update = from, .next_update = from + hours(24), .serials = std::move(serials)});
  }
  std::string problem() const {
    const auto all = certificates->exchange_problems();
    return all.size() == 1 ? all[0] : std::to_string(all.size()) + " problems";
  }
  bool revokes(const std::string& serial, const std::string& issuer_key) const {
    PeerIdentity peer;
    peer.chain = {{issuer_key, serial}};
    return certificates->image().revoked.covers(peer);
  }
  std::string own_key() const {
    const auto loaded = identity::Authority::load(mesh(), clock);
    return (*loaded)->issue({{"spiffe://default/other"}})->issuer_key;
  }

  SetClock clock;
  TemporaryDirectory root;
  fs::path file = root.path() / "mesh.crl";
  Config config;
  const std::vector<CertificateWish> wishes{{WorkloadId{1}, "web-1", "default", {"spiffe://default/web"}}};
  std::unique_ptr<Certificates> certificates;
};

TEST_F(CrlFilesOfAgent, ListRevokesWhatThisCaIssuedAndNothingOfAnother) {
  write(list({"0A"}));
  const auto before = certificates->image().generation;
  EXPECT_TRUE(certificates->reload_crls());
  EXPECT_GT(certificates->image().generation, before);
  EXPECT_TRUE(revokes("0A", own_key()));
  EXPECT_FALSE(revokes("0B", own_key()));
  EXPECT_FALSE(revokes("0A", std::string(32, 'x')));
  EXPECT_TRUE(certificates->exchange_problems().empty()) << problem();
  EXPECT_FALSE(certificates->reload_crls()) << "nothing is new";
}

TEST_F(CrlFilesOfAgent, ListedCertificateOfThisNodeIsReplaced) {
  const auto serial = certificates->serial_of(WorkloadId{1});
  write(list({serial}));
  EXPECT_TRUE(certificates->reload_crls());
  EXPECT_TRUE(certificates->update(wishes));
  EXPECT_NE(certificates->serial_of(WorkloadId{1}), serial);
  EXPECT_FALSE(certificates->update(wishes));
}

TEST_F(CrlFilesOfAgent, BadFileKeepsTheLastGoodOneOverARestartToo) {
  write(list({"0A"}));
  EXPECT_TRUE(certificates->reload_crls());
  for (const std::string bad : {"garbage", ""}) {
    write(bad);
    EXPECT_FALSE(certificates->reload_crls());
    EXPECT_TRUE(revokes("0A", own_key()));
    EXPECT_NE(problem().find("no readable CRL"), std::string::npos) << problem();
    EXPECT_NE(problem().find("the last good one stays in force"), std::string::npos) << problem();
  }
  fresh();
  EXPECT_TRUE(certificates->reload_crls());
  EXPECT_TRUE(revokes("0A", own_key()));
  EXPECT_NE(problem().find("the last good one stays in force"), std::string::npos) << problem();
  fs::remove(file);
  EXPECT_FALSE(certificates->reload_crls());
  EXPECT_TRUE(revokes("0A", own_key()));
  EXPECT_NE(problem().find("cannot open"), std::string::npos) << problem();
  clock.advance(hours(1));
  write(list({}));
  EXPECT_TRUE(certificates->reload_crls());
  EXPECT_FALSE(revokes("0A", own_key()));
  EXPECT_TRUE(certificates->exchange_problems().empty()) << problem();
}

TEST_F(CrlFilesOfAgent, BadFileFromTheBeginningRevokesNothingAndIsTold) {
  write("garbage");
  EXPECT_FALSE(certificates->reload_crls());
  EXPECT_TRUE(certificates->image().revoked.empty());
  EXPECT_NE(problem().find("it revokes nothing"), std::string::npos) << problem();
}

TEST_F(CrlFilesOfAgent, OlderListDoesNotTakeRevocationsBack) {
  write(list({"0A"}));
  EXPECT_TRUE(certificates->reload_crls());
  write(list({}, clock.wall() - hours(1)));
  EXPECT_FALSE(certificates->reload_crls());
  EXPECT_TRUE(revokes("0A", own_key()));
  EXPECT_NE(problem().find("older than the one in force"), std::string::npos) << problem();
}

TEST_F(CrlFilesOfAgent, ListOutOfDateIsToldAndGoesOnUnderKeep) {
  write(list({"0A"}));
  EXPECT_TRUE(certificates->reload_crls());
  EXPECT_EQ(certificates->next_rotation(), certificates->crls().next_expiry());
  clock.advance(hours(25));
  certificates->reload_crls();
  EXPECT_NE(problem().find("out of date since"), std::string::npos) << problem();
  EXPECT_NE(problem().find("stays revoked"), std::string::npos) << problem();
  EXPECT_TRUE(revokes("0A", own_key()));
  EXPECT_FALSE(revokes("0B", own_key()));
}

TEST_F(CrlFilesOfAgent, ListOutOfDateRefusesItsCaUnderRefuseUntilThereIsACurrentOne) {
  config.identity_crl_expired = "refuse";
  write(list({"0A"}));
  EXPECT_TRUE(certificates->reload_crls());
  EXPECT_FALSE(revokes("0B", own_key()));
  clock.advance(hours(25));
  EXPECT_TRUE(certificates->reload_crls());
  EXPECT_TRUE(revokes("0B", own_key()));
  EXPECT_FALSE(revokes("0B", std::string(32, 'x')));
  EXPECT_NE(problem().find("no certificate of this CA is accepted"), std::string::npos) << problem();
  EXPECT_FALSE(certificates->update(wishes)) << "another certificate of the same CA would be no better";
  write(list({"0A"}));
  EXPECT_TRUE(certificates->reload_crls());
  EXPECT_FALSE(revokes("0B", own_key()));
  EXPECT_TRUE(certificates->exchange_problems().empty()) << problem();
}

TEST_F(CrlFilesOfAgent, NewestOfTwoFilesCounts) {
  const auto second = root.path() / "second.crl";
  config.identity_crl_files.push_back(second.string());
  write(list({"0A"}));
  fs::copy_file(file, second);
  write(list({"0B"}, clock.wall() + hours(1)));
  fresh();
  EXPECT_TRUE(certificates->reload_crls());
  EXPECT_TRUE(revokes("0B", own_key()));
  EXPECT_FALSE(revokes("0A", own_key()));
}

TEST_F(CrlFilesOfAgent, FifoAndHugeFileAreRefusedAtOnce) {
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_FALSE(certificates->reload_crls());
  EXPECT_NE(problem().find("not a regular file"), std::string::npos) << problem();
  fs::remove(file);
  std::ofstream(file) << "x";
  fs::resize_file(file, (std::uintmax_t{16} << 20) + 1);
  EXPECT_FALSE(certificates->reload_crls());
  EXPECT_NE(problem().find("larger than"), std::string::npos) << problem();
}

}  // namespace
}  // namespace sluice::agent
