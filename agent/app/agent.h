// The agent: everything that happens on its loop. It holds the resources, compiles them, hands the parts to
// the kernel (enrolment), to the proxy (link) and to the keeper (channel), and answers the control socket's
// questions.
//
// One round: resources change -> compile -> certificates -> table and credentials to the proxy -> maps and
// enrolment.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/agent_api.h"
#include "app/certificates.h"
#include "app/event_log.h"
#include "app/health_files.h"
#include "app/keeper_channel.h"
#include "app/loop.h"
#include "app/proxy_link.h"
#include "base/flight.h"
#include "config/config.h"
#include "enrol/enrolment.h"
#include "enrol/number_book.h"
#include "kernel/probe.h"
#include "kernel/programs.h"
#include "names/name_book.h"
#include "policy/engine/compile.h"
#include "policy/table/table.h"
#include "resources/directory_watch.h"
#include "resources/store.h"

namespace sluice::agent {

// What start-up has made ready (startup.h).
struct AgentParts {
  Config config;
  std::string cgroup_root;
  std::string own_cgroup;   // absolute
  std::string home_cgroup;  // where the keeper was before; it goes back there at uninstall
  std::uint32_t keeper_pid = 0;
  std::vector<kernel::Feature> features;
  std::unique_ptr<kernel::Programs> programs;
  AttachRecords records;
  EnrolmentOptions enrolment;
  Fd host_netns;
  FlightReader flight;
  Fd keeper_channel;
  message::ProxySettings proxy_settings;
  std::vector<std::string> dns_servers;  // for names of MeshExternalServices; empty: those of the system
  Fd proxy_executable;                   // invalid: the keeper's own choice
};

class Agent {
 public:
  Agent(AgentParts parts, std::unique_ptr<Store> store, NumberBook book, policy::Numbers numbers, Loop& loop,
        Log& log, const Clock& clock);
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Compiles, starts the proxy, watches the directory. A Fault is reason not to run.
  Outcome<> begin();

  // Answers (answers.cpp, check.cpp); all on the loop.
  VersionInfo version() const;
  StatusInfo status() const;
  std::vector<WorkloadInfo> workloads() const;
  std::vector<CheckRow> check() const;
  std::vector<CertificateInfo> certificates() const;
  std::string metrics_text() const;                                                 // metrics.cpp
  Outcome<std::vector<ConnectionInfo>> connections(const ConnectionFilter&) const;  // connections.cpp
  Outcome<Explanation> explain(const ExplainRequest&) const;                        // explain.cpp

  // Resources (changes.cpp). A table that follows from a change has version table_version() afterwards.
  std::vector<ResourceInfo> resources(const std::string& kind, const std::string& mesh) const;
  Outcome<ResourceInfo> resource(const ResourceKey& key) const;
  ApplyOutcome apply(const ApplyRequest& request);
  Outcome<> remove(const ResourceKey& key);
  ApplyOutcome enroll(const EnrollRequest& request);
  Outcome<> unenroll(const std::string& mesh, const std::string& name);

  LogLevel log_level() const { return log_.level(); }
  void set_log_level(LogLevel level);
  Outcome<UninstallReport> uninstall();  // uninstall.cpp
  Outcome<> upgrade();                   // begins it; status() tells its end
  void shutdown();

  // Calls back once the proxy has judged everything that was sent so far (or is not there to do so).
  void when_settled(std::function<void(bool in_force)> callback);

 private:
  void recompile();
  void default_fail_modes(policy::Compiled& compiled) const;
  void limit_connections(policy::TableImage& table) const;
  void add_authorities(policy::TableImage& table) const;
  void refresh_certificates();
  void plan_rotation();
  void watch_authorities();
  Outcome<> watch_crls();
  void watch_addresses();
  void work_soon();
  void sweep_flows();
  void on_directory_news();
  void on_tick();
  void on_names();  // and the next ones: name_reports.cpp
  void want_names(const policy::Compiled& compiled);
  void tell_names();
  std::string names_file() const;
  void explain_names(std::string_view service, Explanation& out) const;
  void on_link_change();
  bool settled() const;
  bool table_in_force() const;
  std::vector<std::string> problems() const;
  std::string workload_name(std::uint32_t id) const;
  WorkloadInfo workload_info(const EnrolledWorkload& workload, const KernelLook& look) const;
  bool workload_ready(const EnrolledWorkload& workload, const KernelLook& look, std::string& problem) const;
  double heartbeat_age() const;
  UpgradeInfo upgrade_info() const;
  ResourceInfo resource_info(const StoredDocument& document) const;
  ApplyOutcome judge(const ApplyRequest& request, std::vector<DocumentPtr>& documents) const;
  ConnectionInfo connection_info(const FlightRow& row) const;
  Outcome<Explanation> explain_row(const FlightRow& row) const;
  Outcome<Explanation> explain_event(const KernelEvent& event) const;
  Outcome<Explanation> explain_newest(const ExplainRequest& request) const;
  Outcome<Explanation> explain_imagined(const ExplainRequest& request) const;

  AgentParts parts_;
  Loop& loop_;
  Log& log_;
  const Clock& clock_;
  WallTime started_;
  std::unique_ptr<Store> store_;
  std::optional<DirectoryWatch> directory_;
  policy::Numbers numbers_;
  policy::Compiler compiler_;
  NumberBook book_;
  policy::Compiled compiled_;
  std::shared_ptr<const policy::Table> table_;  // compiled last
  std::optional<Fault> compile_problem_;
  bool numbers_written_ = true;  // of the newest compilation; false: tried again with the next tick
  Certificates certificates_;
  std::map<std::string, DirectoryWatch> ca_watches_;  // by mesh
  std::vector<DirectoryWatch> crl_watches_;
  Loop::Watch address_watch_{};
  std::optional<Loop::Timer> rotation_;
  std::optional<Loop::Timer> rescan_;
  bool work_due_ = false;
  EventLog events_;
  HealthFiles health_files_;
  KeeperChannel keeper_;
  ProxyLink link_;
  message::ChildState proxy_{};
  Enrolment enrolment_;
  std::vector<std::function<void(bool)>> waiting_;
  NameBook names_;
  std::map<std::string, NameBook::State::Kind> names_told_;
  MonoTime flows_swept_{};
  bool uninstalled_ = false;
};

}  // namespace sluice::agent
