// One workload into the kernel, and out of it.
#include <sys/socket.h>

#include <algorithm>

#include <fmt/format.h>

#include "enrol/enrolment.h"
#include "enrol/kernel_sync.h"
#include "kernel/pins.h"

namespace sluice::agent {

std::uint8_t Enrolment::guard_of(const EnrolledWorkload& workload) const {
  const auto* intent = intent_of(workload.wanted.id);
  const auto passthrough = intent == nullptr ? policy::PassthroughMode::all : intent->passthrough;
  return guard_mode(options_.node.guard, passthrough);
}

Outcome<> Enrolment::put_listeners(const EnrolledWorkload& workload) const {
  const auto id = number(workload.wanted.id);
  const auto& map = programs_.maps().listeners;
  if (auto put = map.insert(id, SLUICE_LISTENER_OUT, workload.listeners->out.get()); !put) return put;
  return map.insert(id, SLUICE_LISTENER_IN, workload.listeners->in.get());
}

// The guard sits on the host side of the namespace's veths. Without a host side there is none, and inspect()
// says so.
Outcome<> Enrolment::put_guards(EnrolledWorkload& workload, const KernelLook& look) {
  workload.guards.clear();
  if (!workload.place->in_namespace) return {};
  if (!look.veths) return std::unexpected(look.veths.error());
  auto veths = kernel::host_side_veths(workload.place->fd.get(), *look.veths);
  if (!veths) return std::unexpected(veths.error());
  const bool wanted = guard_of(workload) != SLUICE_GUARD_OFF;
  workload.guard_wanted = wanted;
  for (const auto ifindex : *veths) {
    if (!wanted) {
      if (auto detached = programs_.detach_guard(ifindex); !detached) return detached;
      continue;
    }
    auto attached = programs_.attach_guard(ifindex, number(workload.wanted.id));
    if (!attached) return std::unexpected(attached.error());
    workload.guards.push_back(ifindex);
  }
  return {};
}

// The host's namespace serves all cgroup workloads: one sk_lookup, one routing, undone with the last of them.
Outcome<> Enrolment::prepare_host() {
  if (host_ready_) return {};
  const auto* known = records_.find(0);
  AttachRecord record = known != nullptr ? *known : AttachRecord{};
  record.path = "/proc/self/ns/net";
  record.name = "host";
  record.in_namespace = true;
  record.netns_cookie = options_.host_cookie;
  if (auto prepared = site_.prepare(host_netns_.get(), record); !prepared) return prepared;
  if (auto saved = records_.save(record); !saved) return saved;
  if (auto attached = programs_.attach_host(); !attached) return attached;
  host_ready_ = true;
  return {};
}

void Enrolment::leave_host() {
  const auto* record = records_.find(0);
  if (record == nullptr) return;
  report(kernel::remove_link(programs_.directory() + "/links/host"), "detach from the host's namespace");
  report(site_.clear(host_netns_.get(), record->sysctls), "clear the host's routing");
  report(records_.forget(0), "forget the host's record");
  news_.forget(WorkloadId::none);
  host_ready_ = false;
}

Outcome<> Enrolment::install_steps(EnrolledWorkload& workload, const KernelLook& look) {
  const auto id = number(workload.wanted.id);
  const auto* known = records_.find(id);
  const bool same = known != nullptr && known->netns_cookie == workload.place->netns_cookie;
  AttachRecord record = same ? *known : AttachRecord{};
  record.workload = id;
  record.name = workload.wanted.mesh + "/" + workload.wanted.name;
  record.in_namespace = workload.place->in_namespace;
  record.path = workload.place->path;
  record.netns_cookie = workload.place->netns_cookie;
  if (!look.attachments) return std::unexpected(look.attachments.error());
  if (auto mended = programs_.mend_root(*look.attachments); !mended) return mended;
  if (auto put = put_listeners(workload); !put) return put;
  if (!workload.place->in_namespace) {
    if (auto host = prepare_host(); !host) return host;
    if (auto saved = records_.save(record); !saved) return saved;
    return programs_.attach_cgroup(workload.place->fd.get(), id);
  }
  const int netns = workload.place->fd.get();
  if (auto prepared = site_.prepare(netns, record); !prepared) return prepared;
  if (auto saved = records_.save(record); !saved) return saved;
  if (auto attached = programs_.attach_namespace(netns, id); !attached) return attached;
  return put_guards(workload, look);
}

void Enrolment::install(EnrolledWorkload& workload, const KernelLook& look) {
  if (auto done = install_steps(workload, look); !done) {
    log_.error("workload {}: {}", workload.wanted.name, done.error().message);
    workload.problem = done.error();
    return;
  }
  workload.problem.reset();
  workload.installed = true;
  workload.capturing = true;
  plan_changed_ = true;
  log_.info("workload {} ({}) is enrolled at {}", workload.wanted.name, number(workload.wanted.id),
            workload.place->path);
}

void Enrolment::report(const Outcome<>& outcome, const std::string& what) {
  if (!outcome) log_.warn("{}: {}", what, outcome.error().message);
}

void Enrolment::undo_site(const AttachRecord& record, int netns) {
  const auto& maps = programs_.maps();
  if (record.in_namespace) report(maps.netns_workloads.erase(record.netns_cookie), "stop capture");
  report(programs_.detach_workload(record.workload), "detach " + record.name);
  if (record.in_namespace && netns >= 0)
    report(site_.clear(netns, record.sysctls), "clear routing of " + record.name);
  report(maps.listeners.erase(record.workload, SLUICE_LISTENER_OUT), "remove listener");
  report(maps.listeners.erase(record.workload, SLUICE_LISTENER_IN), "remove listener");
  report(source_.remove_workload(WorkloadId{record.workload}), "close listeners of " + record.name);
  report(records_.forget(record.workload), "forget " + record.name);
}

// Leaves `wanted` and the counters; everything else starts afresh.
void Enrolment::withdraw(EnrolledWorkload& workload) {
  plan_changed_ = true;
  const auto id = number(workload.wanted.id);
  if (const auto* known = records_.find(id)) {
    const AttachRecord record = *known;
    const bool same = workload.place && record.netns_cookie == workload.place->netns_cookie;
    undo_site(record, same ? workload.place->fd.get() : -1);
    log_.info("workload {} ({}) is no longer enrolled", workload.wanted.name, id);
  } else if (workload.asked || workload.listeners) {
    report(source_.remove_workload(workload.wanted.id), "close listeners of " + workload.wanted.name);
  }
  news_.forget(workload.wanted.id);
  workload.place.reset();
  workload.listeners.reset();
  workload.asked = workload.installed = workload.capturing = false;
  workload.guards.clear();
}

// Left over from an earlier agent, its Dataplane gone: the namespace may still exist.
void Enrolment::withdraw_record(const AttachRecord& record) {
  plan_changed_ = true;
  const AttachRecord copy = record;
  Fd netns;
  if (copy.in_namespace) {
    auto opened = kernel::open_namespace(copy.path);
    const auto cookie = opened ? kernel::namespace_cookie(opened->get()) : Outcome<std::uint64_t>(0);
    if (cookie && *cookie == copy.netns_cookie) netns = std::move(*opened);
  }
  undo_site(copy, netns.get());
}

}  // namespace sluice::agent
