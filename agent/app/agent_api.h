// What the agent offers to the control socket: one call per verb of the CLI, in plain structs without JSON.
// Implemented by app/agent.h; called by agent/control.
//
// Threads: every method may be called from the control server's thread. The call runs on the agent's own loop
// and returns when it is done, so two callers never see half a change. A Fault is an ordinary answer (bad
// document, unknown name, full disk): its message and next step are for the operator. Nothing here holds a
// secret.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/flight.h"
#include "base/log.h"
#include "base/result.h"

namespace sluice::agent {

struct VersionInfo {
  std::string version;    // "0.1.0"
  std::string kernel;     // uname release
  std::uint32_t abi = 0;  // SLUICE_ABI_VERSION
};

// A proxy that another one has taken over from: it ends with its last connection, or at its limit.
struct LeavingInfo {
  std::uint32_t pid = 0;
  std::int64_t connections_open = 0;
  double seconds_left = 0;
};

// Taking over the installed binaries. All but `step` is about the last one that ended.
struct UpgradeInfo {
  std::string step;         // what the one under way waits for: "agent" or "proxy"; empty: there is none
  std::uint32_t ended = 0;  // how many there were
  double took_seconds = 0;
  std::string problem;  // empty when it succeeded
  std::vector<LeavingInfo> leaving;
};

struct StatusInfo {
  VersionInfo version;
  std::string node;
  std::string instance;
  bool ready = false;  // kernel programs attached, proxy running with the current table, all workloads ready
  std::vector<std::string> problems;  // what keeps it from ready, with the next step; empty when ready
  std::uint64_t started_wall_ns = 0;
  std::uint32_t keeper_pid = 0;
  std::uint32_t agent_pid = 0;
  std::uint32_t proxy_pid = 0;  // 0 while it is not running
  std::uint32_t proxy_restarts = 0;
  bool proxy_running = false;
  bool proxy_ready = false;
  double heartbeat_age_seconds = -1;  // -1: no worker has beaten yet
  std::string table_hash;             // of the table compiled last, hex
  std::string table_hash_in_force;    // of the table the proxy accepted last, hex; empty when none
  std::string table_refusal;          // text of the proxy's last refusal; empty when none
  std::uint32_t workloads = 0;
  std::uint32_t workloads_ready = 0;
  std::uint32_t resources = 0;
  std::uint32_t resources_bad = 0;  // documents that are held back; their last good version stays in force
  std::int64_t connections_open = 0;
  std::uint64_t repairs = 0;                // differences between intent and kernel that reconcile has mended
  std::uint64_t health_events_written = 0;  // into the files of eventLogPath
  std::uint64_t health_events_refused = 0;  // for a file that no policy names, or not to be written
  UpgradeInfo upgrade;
};

struct InboundInfo {
  std::uint16_t port = 0;
  std::uint16_t service_port = 0;
  std::string protocol;
  std::string tls_mode;  // "strict" or "permissive"
  std::string service;
};

// One probe of the real kernel state: never what was asked for, always what was found.
struct CheckRow {
  std::string subject;  // "kernel", "node" or a workload's name
  std::string check;    // "listeners in the socket map"
  bool ok = false;
  bool fatal = true;      // false: works, with a limitation
  std::string found;      // "2 of 2"
  std::string next_step;  // empty when ok
};

struct WorkloadInfo {
  std::uint32_t id = 0;  // 0: not given one yet
  std::string name;      // the Dataplane's name
  std::string mesh;
  std::string kind;         // "netns", "cgroup", "unit", "pod", "tap"
  std::string attach;       // the path or unit as written
  std::string attached_to;  // what it resolved to: cgroup path or namespace inode
  std::string identity;     // SPIFFE ID of its certificate; empty before it is issued
  std::string fail_mode;    // "closed-fast", "closed", "open"
  std::string guard;        // "off", "audit", "enforce" and where it sits: "enforce on veth0"
  std::string passthrough;  // "all" or "none"
  bool ready = false;
  std::string problem;  // why not ready, with the next step
  std::vector<std::string> addresses;
  std::vector<InboundInfo> inbounds;
  std::uint64_t repairs = 0;
};

struct ResourceInfo {
  std::string kind;  // "Dataplane"
  std::string mesh;  // empty for global kinds
  std::string name;
  std::string origin;    // "file:line" or "applied"
  bool stored = false;   // kept by apply, so delete works on it
  bool in_force = true;  // false: newest text is bad and no good version exists
  std::string problem;   // diagnostic of the newest text; empty when good
  std::string yaml;      // the document as written
};

struct Diagnostic {
  bool error = false;  // false: warning
  std::string where;   // "file:line:column" or "file:line"
  std::string message;
  std::string next_step;
};

struct ApplyRequest {
  std::string yaml;      // one or many documents
  std::string source;    // name for diagnostics, e.g. the file's name
  bool strict = false;   // warnings count as errors
  bool dry_run = false;  // judge and report, change nothing
};

struct AppliedResource {
  std::string kind;
  std::string mesh;
  std::string name;
  std::string action;  // "created", "changed", "unchanged"
};

struct ApplyResult {
  std::vector<AppliedResource> resources;
  std::vector<Diagnostic> warnings;
  std::string table_hash;  // of the table compiled from the new set, hex
  bool in_force = false;   // the proxy accepted that table before this call returned
  std::string yaml;        // the Dataplane that enroll wrote or would write; empty after apply
};

// A refused apply: nothing was changed.
struct ApplyRefusal {
  Fault fault;
  std::vector<Diagnostic> diagnostics;
};
using ApplyOutcome = std::expected<ApplyResult, ApplyRefusal>;

struct ResourceKey {
  std::string kind;
  std::string mesh;  // empty: "default" for mesh-scoped kinds
  std::string name;
};

struct EnrollInbound {
  std::uint16_t port = 0;
  std::uint16_t service_port = 0;  // where the application listens; 0: the port
  std::string protocol;            // empty: tcp
};

// A Dataplane in short: enough to enrol one workload from the command line.
struct EnrollRequest {
  std::string name;
  std::string mesh;                     // empty: "default"
  std::string kind;                     // "netns", "cgroup" or "unit"
  std::string target;                   // path or unit name
  std::string address;                  // empty: the namespace's first global address
  std::string service;                  // empty: the name; value of kuma.io/service
  std::vector<EnrollInbound> inbounds;  // may be empty
  std::string fail_mode;                // empty: the configuration's default
  bool dry_run = false;                 // judge and report, change nothing
};

struct ConnectionFilter {
  std::string workload;   // name; empty = all
  bool finished = false;  // the ring of finished ones instead of the live ones
  std::size_t limit = 0;  // newest first; 0 = all that are held
};

// A row of the flight recorder with names instead of numbers.
struct ConnectionInfo {
  FlightRow row;          // checked: enumerators in range, text terminated
  std::string workload;   // name, "#ID" when it is gone
  std::string direction;  // "outbound", "inbound"
  std::string transport;  // "plaintext", "mesh_tls", ...
  std::string reason;     // word of reasons.def; "live" while open
  std::string client;     // "10.0.0.1:4242"
  std::string destination;
  std::string upstream;  // empty when none was chosen
};

// By id (live or finished); the newest real one, kernel denials included, that matches `client` and/or `to`
// (when `id` and `from` are empty); or an imagined connection from a workload to address:port (or a service's
// name).
struct ExplainRequest {
  std::optional<std::uint64_t> id;
  std::string client;  // address, with or without port; empty = any
  std::string from;    // name of an enrolled workload, or an address for an outsider
  std::string to;      // address, or name of a workload or service
  std::uint16_t port = 0;
};

struct ExplainStep {
  std::string stage;    // "hook", "service", "endpoint", "certificate", "policy", "limit", "end"
  std::string decided;  // "captured_outbound", "permission_denied", "MeshTrafficPermission allow-web"
  std::string because;  // sentence with the facts
  std::string where;    // rule's "file:line", BPF program, certificate serial; may be empty
};

struct Explanation {
  std::string subject;  // "connection 42 (finished)", "imagined connection web -> 10.0.0.2:80"
  std::string verdict;  // "allowed", "refused", "failed", "passed by", "live"
  std::string reason;   // word of reasons.def
  std::string meaning;
  std::string next_step;
  std::vector<ExplainStep> steps;
};

struct CertificateInfo {
  std::string workload;  // name, or "CA <mesh>"
  std::string mesh;
  std::vector<std::string> uris;
  std::string serial;
  std::uint64_t not_before_unix = 0;
  std::uint64_t not_after_unix = 0;
  std::uint64_t rotate_at_unix = 0;
  bool in_force = false;  // the proxy accepted it
  bool authority = false;
};

struct UninstallReport {
  std::vector<CheckRow> gone;  // what was looked for; ok = found gone
  bool clean = false;          // all of them
};

class AgentApi {
 public:
  virtual ~AgentApi() = default;

  virtual VersionInfo version() = 0;
  virtual StatusInfo status() = 0;
  virtual std::vector<WorkloadInfo> workloads() = 0;
  // Feature probes of the kernel, then the node's own state, then each workload.
  virtual std::vector<CheckRow> check() = 0;

  // kind empty = all; mesh empty = all.
  virtual std::vector<ResourceInfo> resources(const std::string& kind, const std::string& mesh) = 0;
  virtual Outcome<ResourceInfo> resource(const ResourceKey& key) = 0;
  // All documents or none. Returns when the proxy has accepted the new table, or after a short wait without
  // it.
  virtual ApplyOutcome apply(const ApplyRequest& request) = 0;
  // Only what apply stored; a document of the resources directory is the operator's file.
  virtual Outcome<> remove(const ResourceKey& key) = 0;
  virtual ApplyOutcome enroll(const EnrollRequest& request) = 0;
  virtual Outcome<> unenroll(const std::string& mesh, const std::string& name) = 0;

  virtual Outcome<std::vector<ConnectionInfo>> connections(const ConnectionFilter& filter) = 0;
  virtual Outcome<Explanation> explain(const ExplainRequest& request) = 0;
  virtual std::vector<CertificateInfo> certificates() = 0;
  virtual std::string metrics_text() = 0;  // Prometheus text format 0.0.4
  virtual LogLevel log_level() = 0;
  virtual void set_log_level(LogLevel level) = 0;  // of keeper's children: agent and proxy

  // Detaches everything from the kernel and reports what was looked for afterwards. The daemon ends when the
  // answer has been sent (see `shutdown`).
  virtual Outcome<UninstallReport> uninstall() = 0;
  // Begins to take over the installed binaries and returns; status() tells what became of it. The answer
  // comes from the agent that is about to be replaced.
  virtual Outcome<> upgrade() = 0;
  // Ends proxy and keeper in order, leaving capture in place (false) or not (after uninstall).
  virtual void shutdown() = 0;
};

}  // namespace sluice::agent
