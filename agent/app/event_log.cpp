#include "app/event_log.h"

#include <arpa/inet.h>

#include <algorithm>

#include "kernel/map_set.h"

namespace sluice::agent {

EventLog::~EventLog() {
  if (reader_) loop_.unwatch(watch_);
}

Outcome<> EventLog::open(int events_map) {
  auto reader = kernel::EventReader::open(events_map, [this](const sluice_event& event) { take(event); });
  if (!reader) return std::unexpected(reader.error());
  reader_ = std::move(*reader);
  watch_ = loop_.watch_readable(reader_->poll_fd(), [this] {
    if (auto consumed = reader_->consume(); !consumed)
      log_.warn("kernel events: {}", consumed.error().message);
  });
  return {};
}

void EventLog::take(const sluice_event& event) {
  const auto reason = reason_from_number(event.reason);
  if (!reason) return;
  KernelEvent out;
  out.id = kKernelEventBit | ++count_;
  out.time = MonoTime(Nanos(event.time_ns));
  out.workload = WorkloadId{event.workload};
  out.reason = *reason;
  out.pid = event.pid;
  out.program.assign(event.comm, std::find(std::begin(event.comm), std::end(event.comm), '\0'));
  // A program names itself; what it says goes to terminals.
  std::ranges::replace_if(out.program, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  out.local = {kernel::from_abi(event.local), ntohs(event.local_port_be)};
  out.remote = {kernel::from_abi(event.remote), ntohs(event.remote_port_be)};
  out.protocol = event.protocol;
  events_.push_back(std::move(out));
  if (events_.size() > limit_) events_.pop_front();
}

}  // namespace sluice::agent
