// What the operator reads on an old kernel, without BTF, without privileges, and where a fallback is taken.
#include "kernel/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace sluice::kernel {
namespace {

using ::testing::HasSubstr;

KernelFacts good() {
  KernelFacts facts;
  facts.release = "6.18.0";
  facts.major = 6;
  facts.minor = 18;
  facts.btf = facts.cgroup2 = facts.bpffs = true;
  facts.capabilities = ~std::uint64_t{0};
  facts.sk_lookup = facts.sockaddr_setsockopt = facts.skc_to_tcp_sock = facts.set_retval = true;
  facts.netns_cookie = facts.sockhash = facts.ringbuf = facts.tcx = facts.io_uring_defer_taskrun = true;
  return facts;
}

Fault fault_of(const KernelFacts& facts) {
  const auto judged = require_kernel(judge_kernel(facts));
  EXPECT_FALSE(judged.has_value());
  return judged ? Fault{} : judged.error();
}

const Feature& feature(const std::vector<Feature>& features, const std::string& name) {
  for (const auto& found : features)
    if (found.name == name) return found;
  ADD_FAILURE() << name;
  return features.front();
}

TEST(Probe, AGoodKernelHasEverything) {
  const auto features = judge_kernel(good());
  EXPECT_TRUE(require_kernel(features).has_value());
  for (const auto& found : features) {
    EXPECT_EQ(FeatureState::ok, found.state) << found.name;
    EXPECT_FALSE(found.mode.empty()) << found.name;
    EXPECT_TRUE(found.reason.empty()) << found.name;
  }
}

TEST(Probe, OldKernel) {
  auto facts = good();
  facts.release = "5.15.0-91-generic";
  facts.major = 5;
  facts.minor = 15;
  facts.tcx = facts.set_retval = false;
  const auto fault = fault_of(facts);
  EXPECT_EQ("kernel: kernel 5.15.0-91-generic is older than 6.1", fault.message);
  EXPECT_THAT(fault.next_step, HasSubstr("6.1 or newer"));
}

TEST(Probe, TheFloorIsEnough) {
  auto facts = good();
  facts.major = 6;
  facts.minor = 1;
  facts.tcx = false;
  const auto features = judge_kernel(facts);
  EXPECT_TRUE(require_kernel(features).has_value());
  EXPECT_EQ(FeatureState::fallback, feature(features, "guard attachment").state);
  EXPECT_EQ("clsact", feature(features, "guard attachment").mode);
}

TEST(Probe, NoBtf) {
  auto facts = good();
  facts.btf = false;
  const auto fault = fault_of(facts);
  EXPECT_EQ("BTF: /sys/kernel/btf/vmlinux cannot be read", fault.message);
  EXPECT_THAT(fault.next_step, HasSubstr("CONFIG_DEBUG_INFO_BTF=y"));
}

TEST(Probe, NoPrivilegesIsNamedBeforeItsConsequences) {
  KernelFacts facts;  // an unprivileged process sees nothing at all
  facts.release = "6.18.0";
  facts.major = 6;
  facts.minor = 18;
  const auto fault = fault_of(facts);
  EXPECT_THAT(fault.message, HasSubstr("privileges: this process lacks CAP_BPF (load programs)"));
  EXPECT_THAT(fault.message, HasSubstr("CAP_NET_ADMIN"));
  EXPECT_THAT(fault.next_step, HasSubstr("root"));
}

TEST(Probe, MountsAreNamed) {
  auto facts = good();
  facts.cgroup2 = false;
  EXPECT_THAT(fault_of(facts).next_step, HasSubstr("mount -t cgroup2"));
  facts = good();
  facts.bpffs = false;
  EXPECT_THAT(fault_of(facts).next_step, HasSubstr("mount -t bpf bpf /sys/fs/bpf"));
}

TEST(Probe, IoUring) {
  auto facts = good();
  facts.io_uring_errno = EPERM;
  EXPECT_THAT(fault_of(facts).next_step, HasSubstr("io_uring_disabled"));
  facts.io_uring_errno = ENOSYS;
  EXPECT_THAT(fault_of(facts).next_step, HasSubstr("CONFIG_IO_URING"));
  facts.io_uring_errno = 0;
  facts.io_uring_defer_taskrun = false;
  EXPECT_TRUE(require_kernel(judge_kernel(facts)).has_value());
}

TEST(Probe, GatheringNeverFails) {
  const auto facts = gather_kernel_facts("/nowhere", "/nowhere/either");
  EXPECT_FALSE(facts.release.empty());
  EXPECT_GE(facts.major, 4U);
  EXPECT_FALSE(facts.cgroup2);
  EXPECT_FALSE(facts.bpffs);
}

}  // namespace
}  // namespace sluice::kernel
