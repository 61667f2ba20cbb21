#include "app/on_loop.h"

#include <future>

namespace sluice::agent {
namespace {

// A swap takes milliseconds; a proxy that is just being restarted, somewhat more.
constexpr auto kSwapPatience = Millis(1500);

Fault ending() {
  return Fault{"the agent is ending", "try again when Sluice runs again"};
}

}  // namespace

bool OnLoop::wait_in_force() {
  auto promise = std::make_shared<std::promise<bool>>();
  auto in_force = promise->get_future();
  loop_.post(
      [this, promise] { agent_->when_settled([promise](bool accepted) { promise->set_value(accepted); }); });
  return in_force.wait_for(kSwapPatience) == std::future_status::ready && in_force.get();
}

VersionInfo OnLoop::version() {
  return ask([](Agent& agent) { return agent.version(); }).value_or(VersionInfo{});
}
StatusInfo OnLoop::status() {
  return ask([](Agent& agent) { return agent.status(); }).value_or(StatusInfo{});
}
std::vector<WorkloadInfo> OnLoop::workloads() {
  return ask([](Agent& agent) { return agent.workloads(); }).value_or(std::vector<WorkloadInfo>{});
}
std::vector<CheckRow> OnLoop::check() {
  return ask([](Agent& agent) { return agent.check(); }).value_or(std::vector<CheckRow>{});
}
std::vector<ResourceInfo> OnLoop::resources(const std::string& kind, const std::string& mesh) {
  return ask([&](Agent& agent) { return agent.resources(kind, mesh); }).value_or(std::vector<ResourceInfo>{});
}
Outcome<ResourceInfo> OnLoop::resource(const ResourceKey& key) {
  return ask([&](Agent& agent) { return agent.resource(key); }).value_or(std::unexpected(ending()));
}

ApplyOutcome OnLoop::apply(const ApplyRequest& request) {
  auto applied = ask([&](Agent& agent) { return agent.apply(request); });
  if (!applied) return std::unexpected(ApplyRefusal{ending(), {}});
  if (*applied && !request.dry_run) (*applied)->in_force = wait_in_force();
  return *applied;
}

Outcome<> OnLoop::remove(const ResourceKey& key) {
  auto removed = ask([&](Agent& agent) { return agent.remove(key); });
  if (!removed) return std::unexpected(ending());
  if (*removed) wait_in_force();
  return *removed;
}

ApplyOutcome OnLoop::enroll(const EnrollRequest& request) {
  auto enrolled = ask([&](Agent& agent) { return agent.enroll(request); });
  if (!enrolled) return std::unexpected(ApplyRefusal{ending(), {}});
  if (*enrolled && !request.dry_run) (*enrolled)->in_force = wait_in_force();
  return *enrolled;
}

Outcome<> OnLoop::unenroll(const std::string& mesh, const std::string& name) {
  auto removed = ask([&](Agent& agent) { return agent.unenroll(mesh, name); });
  if (!removed) return std::unexpected(ending());
  if (*removed) wait_in_force();
  return *removed;
}

Outcome<std::vector<ConnectionInfo>> OnLoop::connections(const ConnectionFilter& filter) {
  return ask([&](Agent& agent) { return agent.connections(filter); }).value_or(std::unexpected(ending()));
}
Outcome<Explanation> OnLoop::explain(const ExplainRequest& request) {
  return ask([&](Agent& agent) { return agent.explain(request); }).value_or(std::unexpected(ending()));
}
std::vector<CertificateInfo> OnLoop::certificates() {
  return ask([](Agent& agent) { return agent.certificates(); }).value_or(std::vector<CertificateInfo>{});
}
std::string OnLoop::metrics_text() {
  return ask([](Agent& agent) { return agent.metrics_text(); }).value_or(std::string());
}
LogLevel OnLoop::log_level() {
  return ask([](Agent& agent) { return agent.log_level(); }).value_or(LogLevel::info);
}
void OnLoop::set_log_level(LogLevel level) {
  loop_.post([this, level] { agent_->set_log_level(level); });
}
Outcome<UninstallReport> OnLoop::uninstall() {
  return ask([](Agent& agent) { return agent.uninstall(); }).value_or(std::unexpected(ending()));
}
Outcome<> OnLoop::upgrade() {
  return ask([](Agent& agent) { return agent.upgrade(); }).value_or(std::unexpected(ending()));
}
void OnLoop::shutdown() {
  loop_.post([this] { agent_->shutdown(); });
}

}  // namespace sluice::agent
