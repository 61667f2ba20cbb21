// Enrolment: brings each local workload from its Dataplane to captured, and back. Level-triggered: step()
// compares what is wanted with where things are and does what it can; it is called every few seconds, and
// whatever failed is tried again then. follow(), after a change, leaves alone what the change does not reach:
// mending, places that are still there, and a mesh's list of addresses, which grows with the cluster.
// Workloads are taken into the kernel and mended a slice at a time (work()), so that a thousand of them do
// not keep the agent from answering; what does not depend on the workload is asked once for a slice.
// Whether a workload is ready is answered by looking at the kernel (inspect()), never from memory.
//
// Order in:  namespace or cgroup found - keeper has listeners - maps - listeners in the socket map - routing,
// sysctls -
//            sk_lookup or cgroup programs - guards - the namespace's entry, which starts capture.
// Order out: the same backwards.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "config/config.h"
#include "enrol/address_news.h"
#include "enrol/attach_record.h"
#include "enrol/attachment.h"
#include "enrol/capture_site.h"
#include "enrol/kernel_plan.h"
#include "enrol/listeners.h"
#include "kernel/netns_setup.h"
#include "kernel/programs.h"
#include "policy/engine/compile.h"

namespace sluice::agent {

// One look at the real state.
struct Finding {
  std::string check;
  bool ok = false;
  bool fatal = true;  // false: works, with a limitation
  std::string found;
  std::string next_step;
};

// What the kernel holds for all workloads together, asked once for many of them.
struct KernelLook {
  Outcome<std::vector<std::string>> attachments;  // kernel::Programs::attachments()
  Outcome<std::vector<kernel::HostVeth>> veths;
};

struct EnrolledWorkload {
  policy::LocalWorkload wanted;
  std::optional<Attachment> place;
  std::vector<IpAddr> addresses;  // of its namespace
  std::optional<Listeners> listeners;
  bool asked = false;                 // the keeper is making listeners
  bool installed = false;             // by this process
  bool capturing = false;             // its namespace is named in the maps, or its cgroup has its programs
  std::vector<std::uint32_t> guards;  // interfaces
  bool guard_wanted = false;          // when they were put
  std::optional<Fault> problem;       // why it is not captured
  std::uint64_t repairs = 0;
  bool deaf = false;  // changes of its addresses are not told, and found by the regular look only
};

struct EnrolmentOptions {
  std::string cgroup_root;
  std::uint64_t host_cookie = 0;
  NodeSettings node;
};

class Enrolment {
 public:
  // All references outlive this object. `host_netns`: the agent's own namespace.
  Enrolment(const Config& config, EnrolmentOptions options, kernel::Programs& programs,
            ListenerSource& source, AttachRecords records, Fd host_netns, Log& log);

  void set_wanted(policy::Compiled compiled);
  void step();
  // After a change of what is wanted.
  void follow();
  // One slice of what is left to do; step() and follow() begin with one. True: there is more.
  bool work();
  void listeners_ready(WorkloadId workload, Outcome<Listeners> listeners);
  // Readable when addresses in a workload's namespace changed; then address_news() takes them over. It costs
  // little when nothing else changed, and is no more than a shorter way to what step() finds.
  int news_fd() const { return news_.fd(); }
  void address_news();
  // Undoes every enrolment.
  void withdraw_all();

  const std::map<WorkloadId, EnrolledWorkload>& workloads() const { return workloads_; }
  KernelLook look() const;
  std::vector<Finding> inspect(const EnrolledWorkload& workload, const KernelLook& look) const;
  // Of clients in the host's namespace, enrolled or not.
  Finding inspect_host_source_ports() const;
  std::uint64_t repairs() const { return repairs_; }
  // What keeps the node as a whole from being as wanted.
  const std::optional<Fault>& problem() const { return problem_; }

 private:
  // enrolment.cpp
  enum class Round : std::uint8_t { change, whole };
  void settle_all(Round round);
  void settle(const policy::LocalWorkload& wanted, Round round);
  void look_again(EnrolledWorkload& workload);
  Outcome<> refresh_addresses(EnrolledWorkload& workload);
  void listen_for_news(EnrolledWorkload& workload, int netns);
  const policy::WorkloadIntent* intent_of(WorkloadId id) const;
  const EnrolledWorkload* neighbour_at(const EnrolledWorkload& workload) const;
  std::map<WorkloadId, WorkloadPlace> places() const;
  bool sync(bool last_step);
  void adopt(EnrolledWorkload& workload) const;

  // install.cpp
  void install(EnrolledWorkload& workload, const KernelLook& look);
  Outcome<> install_steps(EnrolledWorkload& workload, const KernelLook& look);
  Outcome<> put_listeners(const EnrolledWorkload& workload) const;
  Outcome<> put_guards(EnrolledWorkload& workload, const KernelLook& look);
  Outcome<> prepare_host();
  void leave_host();
  void withdraw(EnrolledWorkload& workload);
  void withdraw_record(const AttachRecord& record);
  void undo_site(const AttachRecord& record, int netns);
  void report(const Outcome<>& outcome, const std::string& what);
  std::uint8_t guard_of(const EnrolledWorkload& workload) const;

  // inspect.cpp
  void mend(EnrolledWorkload& workload, const KernelLook& look);
  Finding inspect_listeners(const EnrolledWorkload& workload) const;
  Finding inspect_maps(const EnrolledWorkload& workload) const;
  Finding inspect_routing(const EnrolledWorkload& workload) const;
  static Finding source_ports_of(int netns);
  Finding inspect_programs(const EnrolledWorkload& workload, const KernelLook& look) const;
  Finding inspect_guards(const EnrolledWorkload& workload, const KernelLook& look) const;

  const Config& config_;
  EnrolmentOptions options_;
  kernel::Programs& programs_;
  ListenerSource& source_;
  AttachRecords records_;
  Fd host_netns_;
  Log& log_;
  CaptureSite site_;
  policy::Compiled compiled_;
  std::shared_ptr<const DestinationPlan> destinations_;  // of the last plan
  bool destinations_held_ = false;                       // the kernel's map was brought to them
  std::map<WorkloadId, EnrolledWorkload> workloads_;
  std::set<WorkloadId> waiting_;  // for work()
  AddressNews news_;
  bool plan_changed_ = true;  // since the last successful sync: what it then writes is intent, not repair
  bool host_ready_ = false;
  std::uint64_t repairs_ = 0;
  std::optional<Fault> problem_;
};

}  // namespace sluice::agent
