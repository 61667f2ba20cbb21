// AgentApi for the control server's threads: each call runs on the agent's loop and waits for it. Changes
// also wait, for a moment, until the proxy has taken over the table that follows from them.
#pragma once

#include "app/agent.h"
#include "app/loop.h"

namespace sluice::agent {

class OnLoop final : public AgentApi {
 public:
  explicit OnLoop(Loop& loop) : loop_(loop) {}
  // On the loop, before the first call can run.
  void set_agent(Agent& agent) { agent_ = &agent; }

  VersionInfo version() override;
  StatusInfo status() override;
  std::vector<WorkloadInfo> workloads() override;
  std::vector<CheckRow> check() override;
  std::vector<ResourceInfo> resources(const std::string& kind, const std::string& mesh) override;
  Outcome<ResourceInfo> resource(const ResourceKey& key) override;
  ApplyOutcome apply(const ApplyRequest& request) override;
  Outcome<> remove(const ResourceKey& key) override;
  ApplyOutcome enroll(const EnrollRequest& request) override;
  Outcome<> unenroll(const std::string& mesh, const std::string& name) override;
  Outcome<std::vector<ConnectionInfo>> connections(const ConnectionFilter& filter) override;
  Outcome<Explanation> explain(const ExplainRequest& request) override;
  std::vector<CertificateInfo> certificates() override;
  std::string metrics_text() override;
  LogLevel log_level() override;
  void set_log_level(LogLevel level) override;
  Outcome<UninstallReport> uninstall() override;
  Outcome<> upgrade() override;
  void shutdown() override;

 private:
  // False: not within the time, or the proxy refused.
  bool wait_in_force();
  template <typename Work>
  auto ask(Work work) {
    return loop_.call([this, work = std::move(work)] { return work(*agent_); });
  }

  Loop& loop_;
  Agent* agent_ = nullptr;
};

}  // namespace sluice::agent
