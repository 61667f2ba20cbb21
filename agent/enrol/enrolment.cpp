// The round over all workloads.
#include "enrol/enrolment.h"

#include <algorithm>

#include <fmt/format.h>

#include "enrol/kernel_sync.h"

namespace sluice::agent {
namespace {

// What one slice of work() may cost: some 100 ms.
constexpr int kSlice = 512;
constexpr int kMendCost = 1;
constexpr int kInstallCost = 8;

}  // namespace

Enrolment::Enrolment(const Config& config, EnrolmentOptions options, kernel::Programs& programs,
                     ListenerSource& source, AttachRecords records, Fd host_netns, Log& log)
    : config_(config),
      options_(std::move(options)),
      programs_(programs),
      source_(source),
      records_(std::move(records)),
      host_netns_(std::move(host_netns)),
      log_(log),
      site_(config) {}

void Enrolment::set_wanted(policy::Compiled compiled) {
  compiled_ = std::move(compiled);
  plan_changed_ = true;
}

const policy::WorkloadIntent* Enrolment::intent_of(WorkloadId id) const {
  const auto intent = std::ranges::find(compiled_.kernel.workloads, id, &policy::WorkloadIntent::id);
  return intent == compiled_.kernel.workloads.end() ? nullptr : &*intent;
}

void Enrolment::step() {
  destinations_held_ = false;
  settle_all(Round::whole);
  for (const auto& [id, workload] : workloads_) waiting_.insert(id);
  work();
}

void Enrolment::follow() {
  settle_all(Round::change);
  work();
}

void Enrolment::settle_all(Round round) {
  std::set<WorkloadId> wanted;
  for (const auto& workload : compiled_.workloads) wanted.insert(workload.id);
  // Who is no longer wanted goes first: its namespace may be somebody else's from now on.
  for (auto entry = workloads_.begin(); entry != workloads_.end();) {
    const bool stays = wanted.contains(entry->first);
    if (!stays) withdraw(entry->second);
    entry = stays ? std::next(entry) : workloads_.erase(entry);
  }
  const auto records = records_.all();
  for (const auto& record : records)
    if (record.workload != 0 && !wanted.contains(WorkloadId{record.workload})) withdraw_record(record);
  for (const auto& workload : compiled_.workloads) settle(workload, round);
}

bool Enrolment::work() {
  if (!sync(false)) return false;
  const auto held = look();
  for (int left = kSlice; left > 0 && !waiting_.empty();) {
    const auto found = workloads_.find(*waiting_.begin());
    waiting_.erase(waiting_.begin());
    if (found == workloads_.end()) continue;
    auto& workload = found->second;
    left -= workload.installed ? kMendCost : kInstallCost;
    if (workload.installed)
      mend(workload, held);
    else if (workload.listeners && workload.place)
      install(workload, held);
  }
  const bool any_cgroup = std::ranges::any_of(
      workloads_, [](const auto& entry) { return entry.second.place && !entry.second.place->in_namespace; });
  if (!any_cgroup) leave_host();
  return sync(true) && !waiting_.empty();
}

// Finds the place and the listeners; nothing in the kernel changes here, except that a vanished place is
// cleaned up.
void Enrolment::settle(const policy::LocalWorkload& wanted, Round round) {
  auto& workload = workloads_[wanted.id];
  const bool elsewhere =
      workload.wanted.attach != wanted.attach || workload.wanted.attach_to != wanted.attach_to;
  workload.wanted = wanted;
  const bool look = round == Round::whole || elsewhere;
  if (workload.place && (look || !workload.place->still_there())) look_again(workload);
  const bool found_before = workload.place.has_value();
  if (!workload.place) {
    auto place = resolve_attachment(wanted, options_.cgroup_root, options_.host_cookie);
    if (!place) {
      workload.problem = place.error();
      return;
    }
    workload.place = std::move(*place);
    if (const auto* neighbour = neighbour_at(workload)) {
      workload.problem =
          Fault{fmt::format("{} is already enrolled as {}", workload.place->path, neighbour->wanted.name),
                "one Dataplane per namespace or cgroup"};
      workload.place.reset();
      return;
    }
    adopt(workload);
  }
  if (look || !found_before || workload.deaf)
    if (auto refreshed = refresh_addresses(workload); !refreshed) {
      workload.problem = refreshed.error();
      return;
    }
  // A policy change may switch the guard on or off.
  const bool other_guard =
      workload.place->in_namespace && (guard_of(workload) != SLUICE_GUARD_OFF) != workload.guard_wanted;
  if (!workload.installed || other_guard) waiting_.insert(wanted.id);
  if (workload.listeners || workload.asked) return;
  const int netns = workload.place->in_namespace ? workload.place->fd.get() : -1;
  auto asked = source_.add_workload(wanted.id, netns);
  workload.asked = asked.has_value();
  workload.problem = asked ? Fault{"waiting for the keeper's listeners", {}} : asked.error();
}

// A namespace or cgroup that is gone, or another one under its path, ends the old enrolment.
void Enrolment::look_again(EnrolledWorkload& workload) {
  auto place = resolve_attachment(workload.wanted, options_.cgroup_root, options_.host_cookie);
  if (place && place->same_place(*workload.place)) return;
  if (place) {
    withdraw(workload);
    return;
  }
  log_.warn("workload {}: {}", workload.wanted.name, place.error().message);
  withdraw(workload);
  workload.problem = place.error();
}

// After a restart of the agent the maps still capture for this workload: it must not be interrupted while
// listeners and programs are taken over.
void Enrolment::adopt(EnrolledWorkload& workload) const {
  const auto* record = records_.find(number(workload.wanted.id));
  if (record == nullptr || !workload.place->in_namespace ||
      record->netns_cookie != workload.place->netns_cookie)
    return;
  const auto held = programs_.maps().netns_workloads.get(record->netns_cookie);
  workload.capturing = held && *held && **held == record->workload;
}

Outcome<> Enrolment::refresh_addresses(EnrolledWorkload& workload) {
  const int netns = workload.place->in_namespace ? workload.place->fd.get() : host_netns_.get();
  listen_for_news(workload, netns);  // before they are read: what changes in between is news
  const auto found = kernel::local_addresses(netns);
  if (!found) return std::unexpected(found.error());
  std::vector<IpAddr> addresses;
  for (const auto& address : *found)
    if (!address.loopback) addresses.push_back(address.ip);
  plan_changed_ |= addresses != workload.addresses;
  workload.addresses = std::move(addresses);
  return {};
}

void Enrolment::listen_for_news(EnrolledWorkload& workload, int netns) {
  auto listening = news_.listen(workload.place->in_namespace ? workload.wanted.id : WorkloadId::none, netns);
  if (!listening && !workload.deaf)
    log_.warn("workload {}: address changes are seen late: {}", workload.wanted.name,
              listening.error().message);
  workload.deaf = !listening;
}

void Enrolment::address_news() {
  std::vector<EnrolledWorkload*> told;
  for (const auto id : news_.take())
    for (auto& [other, workload] : workloads_) {
      const bool in_host = workload.place && !workload.place->in_namespace;
      if (workload.place && (id == WorkloadId::none ? in_host : id == other)) told.push_back(&workload);
    }
  for (auto* workload : told)
    report(refresh_addresses(*workload), "read the addresses of " + workload->wanted.name);
  if (plan_changed_ && !sync(true)) return;
  // Routing names the preferred source, and a new interface wants its guard.
  if (told.empty()) return;
  const auto held = look();
  for (auto* workload : told)
    if (workload->installed) mend(*workload, held);
  if (plan_changed_) sync(true);
}

const EnrolledWorkload* Enrolment::neighbour_at(const EnrolledWorkload& workload) const {
  for (const auto& [id, other] : workloads_)
    if (&other != &workload && other.place && other.place->same_place(*workload.place)) return &other;
  return nullptr;
}

std::map<WorkloadId, WorkloadPlace> Enrolment::places() const {
  std::map<WorkloadId, WorkloadPlace> out;
  for (const auto& [id, workload] : workloads_)
    if (workload.place)
      out[id] = {workload.place->in_namespace, workload.place->netns_cookie, workload.addresses,
                 workload.capturing};
  return out;
}

bool Enrolment::sync(bool last_step) {
  const auto plan = plan_kernel(compiled_, places(), options_.node, destinations_);
  Outcome<SyncCounts> counts = SyncCounts{};
  if (plan) counts = stop_namespaces(programs_.maps(), *plan);
  auto total = counts.value_or(SyncCounts{}).all();
  if (plan && counts)
    counts = sync_maps(programs_.maps(), *plan, destinations_held_ ? destinations_.get() : nullptr);
  destinations_held_ = plan && counts;
  if (plan) destinations_ = plan->destinations;
  total += counts.value_or(SyncCounts{}).all();
  if (plan && counts) counts = sync_namespaces(programs_.maps(), *plan);
  total += counts.value_or(SyncCounts{}).all();
  problem_ = !plan ? std::optional(plan.error()) : !counts ? std::optional(counts.error()) : std::nullopt;
  if (problem_) {
    log_.error("kernel maps: {}", problem_->message);
    return false;
  }
  if (total > 0 && !plan_changed_) {
    repairs_ += total;
    log_.warn("mended {} map entries that had been changed behind Sluice's back", total);
  }
  if (last_step) plan_changed_ = false;
  return true;
}

void Enrolment::listeners_ready(WorkloadId id, Outcome<Listeners> listeners) {
  const auto found = workloads_.find(id);
  if (found == workloads_.end()) return;
  auto& workload = found->second;
  workload.asked = false;
  if (!listeners) {
    workload.problem = listeners.error();
    return;
  }
  workload.listeners = std::move(*listeners);
  waiting_.insert(id);
  plan_changed_ = true;
}

void Enrolment::withdraw_all() {
  compiled_ = {};
  plan_changed_ = true;
  step();
}

}  // namespace sluice::agent
