// An agent for tests of the control socket and the command line: answers from plain members, notes what was
// asked.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "app/agent_api.h"

namespace sluice::agent {

class FakeAgent final : public AgentApi {
 public:
  FakeAgent();

  VersionInfo version() override { return status_.version; }
  StatusInfo status() override { return status_; }
  std::vector<WorkloadInfo> workloads() override { return workloads_; }
  std::vector<CheckRow> check() override { return checks_; }
  std::vector<ResourceInfo> resources(const std::string& kind, const std::string& mesh) override;
  Outcome<ResourceInfo> resource(const ResourceKey& key) override;
  ApplyOutcome apply(const ApplyRequest& request) override;
  Outcome<> remove(const ResourceKey& key) override;
  ApplyOutcome enroll(const EnrollRequest& request) override;
  Outcome<> unenroll(const std::string& mesh, const std::string& name) override;
  Outcome<std::vector<ConnectionInfo>> connections(const ConnectionFilter& filter) override;
  Outcome<Explanation> explain(const ExplainRequest& request) override;
  std::vector<CertificateInfo> certificates() override { return certificates_; }
  std::string metrics_text() override { return "# HELP up x\n# TYPE up gauge\nup{node=\"a b\"} 1\n"; }
  LogLevel log_level() override { return level_; }
  void set_log_level(LogLevel level) override { level_ = level; }
  Outcome<UninstallReport> uninstall() override { return UninstallReport{checks_, false}; }
  Outcome<> upgrade() override {
    if (!status_.upgrade.step.empty()) return fault("an upgrade is under way");
    ++status_.upgrade.ended;
    return {};
  }
  void shutdown() override { shutdowns_.fetch_add(1); }

  StatusInfo status_;
  std::vector<WorkloadInfo> workloads_;
  std::vector<CheckRow> checks_;
  std::vector<ResourceInfo> resources_;
  std::vector<ConnectionInfo> connections_;
  std::vector<CertificateInfo> certificates_;
  std::optional<ApplyRefusal> refusal_;  // what apply and enroll answer when set
  // Last requests; read them only after the answer.
  ApplyRequest applied_;
  EnrollRequest enrolled_;
  ExplainRequest explained_;
  ConnectionFilter filter_;
  ResourceKey removed_;
  std::string unenrolled_;
  std::atomic<LogLevel> level_ = LogLevel::info;
  std::atomic<int> shutdowns_ = 0;
};

}  // namespace sluice::agent
