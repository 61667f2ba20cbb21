#include "identity/authority.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <barrier>
#include <filesystem>
#include <fstream>
#include <thread>

#include "../tls/mesh_fixture.h"

namespace sluice::identity {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using tls::SetClock;
using tls::TemporaryDirectory;

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void spill(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

class BuiltinAuthority : public testing::Test {
 protected:
  Outcome<std::unique_ptr<Authority>> open() { return Authority::builtin(dir.path(), "default", clock); }
  std::string fault_of_open() {
    const auto opened = open();
    return opened ? "" : opened.error().message;
  }

  SetClock clock;
  TemporaryDirectory dir;
};

TEST_F(BuiltinAuthority, MakesKeyAndCertificateOnce) {
  const auto first = open();
  ASSERT_TRUE(first) << first.error().message;
  struct stat info{};
  ASSERT_EQ(stat((dir.path() / "ca.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto again = open();
  ASSERT_TRUE(again);
  EXPECT_EQ((*first)->bundle_pem(), (*again)->bundle_pem());
}

TEST_F(BuiltinAuthority, NodesThatStartTogetherShareOneCa) {
  constexpr int kNodes = 8;
  std::barrier start(kNodes);
  std::vector<std::string> bundles(kNodes);
  std::vector<std::thread> nodes;
  for (int i = 0; i < kNodes; ++i)
    nodes.emplace_back([&, i] {
      start.arrive_and_wait();
      const auto authority = open();
      if (authority) bundles[static_cast<std::size_t>(i)] = (*authority)->bundle_pem();
    });
  for (auto& node : nodes) node.join();
  for (const auto& bundle : bundles) EXPECT_EQ(bundle, bundles[0]);
  EXPECT_FALSE(bundles[0].empty());
}

TEST_F(BuiltinAuthority, MendsACrashBetweenKeyAndCertificate) {
  ASSERT_TRUE(open());
  const auto key = slurp(dir.path() / "ca.key");
  std::filesystem::remove(dir.path() / "ca.crt");
  spill(dir.path() / ".new-abcdef", "half a key");
  ASSERT_TRUE(open());
  EXPECT_EQ(slurp(dir.path() / "ca.key"), key);
  EXPECT_FALSE(std::filesystem::exists(dir.path() / ".new-abcdef"));
}

TEST_F(BuiltinAuthority, CertificateWithoutKeyIsNotReplaced) {
  ASSERT_TRUE(open());
  std::filesystem::remove(dir.path() / "ca.key");
  EXPECT_NE(fault_of_open().find("key"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(dir.path() / "ca.key"));
}

TEST_F(BuiltinAuthority, SaysWhatIsWrong) {
  ASSERT_TRUE(open());
  const auto key = dir.path() / "ca.key";
  chmod(key.c_str(), 0644);
  EXPECT_NE(fault_of_open().find("can be read by others"), std::string::npos);
  chmod(key.c_str(), 0600);
  const auto good_key = slurp(key);
  spill(key, "garbage");
  EXPECT_NE(fault_of_open().find("no readable private key"), std::string::npos);
  spill(key, good_key);
  const TemporaryDirectory other;
  ASSERT_TRUE(Authority::builtin(other.path(), "default", clock));
  std::filesystem::copy_file(other.path() / "ca.key", key, std::filesystem::copy_options::overwrite_existing);
  EXPECT_NE(fault_of_open().find("does not belong"), std::string::npos);
  spill(key, good_key);
  clock.advance(hours(24) * 3651);
  EXPECT_NE(fault_of_open().find("expired at"), std::string::npos);
}

TEST_F(BuiltinAuthority, RefusesABadTrustDomain) {
  EXPECT_FALSE(Authority::builtin(dir.path(), "Bad Domain", clock));
}

TEST_F(BuiltinAuthority, BundleHoldsEveryCaOfTheDirectory) {
  ASSERT_TRUE(open());
  std::filesystem::rename(dir.path() / "ca.crt", dir.path() / "ca-old.crt");
  std::filesystem::remove(dir.path() / "ca.key");
  const auto next = open();
  ASSERT_TRUE(next) << next.error().message;
  const auto old = slurp(dir.path() / "ca-old.crt");
  const auto& bundle = (*next)->bundle_pem();
  EXPECT_NE(bundle.find(old), std::string::npos);
  EXPECT_EQ(bundle.find(slurp(dir.path() / "ca.crt")), 0u);
  spill(dir.path() / "ca-broken.crt", "garbage");
  EXPECT_NE(fault_of_open().find("ca-broken.crt"), std::string::npos);
}

TEST_F(BuiltinAuthority, NoticesThatItsFilesChanged) {
  const auto authority = open();
  ASSERT_TRUE(authority);
  EXPECT_FALSE((*authority)->files_changed());
  const TemporaryDirectory other;
  ASSERT_TRUE(Authority::builtin(other.path(), "default", clock));
  std::filesystem::copy_file(other.path() / "ca.crt", dir.path() / "ca-next.crt");
  EXPECT_TRUE((*authority)->files_changed());
  const auto again = open();
  ASSERT_TRUE(again);
  EXPECT_FALSE((*again)->files_changed());
  EXPECT_NE((*again)->bundle_pem().find(slurp(other.path() / "ca.crt")), std::string::npos);
}

TEST_F(BuiltinAuthority, IssuesForTheAskedLifetimeAndRotatesAtFourFifths) {
  const auto authority = open();
  ASSERT_TRUE(authority);
  const auto svid = (*authority)->issue({{"spiffe://default/web"}, seconds(100)});
  ASSERT_TRUE(svid) << svid.error().message;
  EXPECT_FALSE(svid->rotation_due(clock.wall() + seconds(78)));
  EXPECT_TRUE(svid->rotation_due(clock.wall() + seconds(80)));
  EXPECT_LE(svid->not_after, clock.wall() + seconds(100));
  EXPECT_GT(svid->not_after, clock.wall() + seconds(98));
  const auto other = (*authority)->issue({{"spiffe://default/web"}, seconds(100)});
  EXPECT_NE(svid->serial, other->serial);
  EXPECT_NE(svid->key_pem, other->key_pem);
}

TEST_F(BuiltinAuthority, RefusesNamesThatAreNoIdentity) {
  const auto authority = open();
  ASSERT_TRUE(authority);
  EXPECT_TRUE((*authority)->issue({{"spiffe://default/a", "kuma://version/1,DNS:x"}, seconds(9)}));
  EXPECT_FALSE((*authority)->issue({{}, seconds(9)}));
  EXPECT_FALSE((*authority)->issue({{"https://default/a"}, seconds(9)}));
  EXPECT_FALSE((*authority)->issue({{"spiffe://default/a", "spiffe://other/b"}, seconds(9)}));
  EXPECT_FALSE((*authority)->issue({{"spiffe://default/a"}, seconds(0)}));
}

TEST_F(BuiltinAuthority, LeafNeverOutlivesTheCa) {
  const auto authority = open();
  ASSERT_TRUE(authority);
  clock.set((*authority)->not_after() - hours(1));
  const auto svid = (*authority)->issue({{"spiffe://default/web"}, hours(24)});
  ASSERT_TRUE(svid);
  EXPECT_EQ(svid->not_after, (*authority)->not_after());
  clock.advance(hours(2));
  EXPECT_FALSE((*authority)->issue({{"spiffe://default/web"}, hours(24)}));
}

TEST_F(BuiltinAuthority, ProvidedFilesWorkAndMissingOnesAreNamed) {
  ASSERT_TRUE(open());
  const ProvidedFiles files{dir.path() / "ca.key", dir.path() / "ca.crt", {}};
  EXPECT_TRUE(Authority::provided(files, clock));
  const auto missing = Authority::provided({dir.path() / "nothing.key", files.certificate, {}}, clock);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("nothing.key"), std::string::npos);
}

}  // namespace
}  // namespace sluice::identity
