// The newest denials and failures that the kernel reported, for `sluice explain`: the proxy never saw these.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include "abi.h"
#include "app/loop.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/reason.h"
#include "base/workload.h"
#include "kernel/events.h"

namespace sluice::agent {

struct KernelEvent {
  std::uint64_t id = 0;  // kKernelEventBit is set, so that it is no flight row's
  MonoTime time{};
  WorkloadId workload = WorkloadId::none;
  Reason reason = Reason::none;
  std::uint32_t pid = 0;
  std::string program;
  SocketAddr local;
  SocketAddr remote;
  std::uint8_t protocol = 0;
};
inline constexpr std::uint64_t kKernelEventBit = 1ULL << 62;

class EventLog {
 public:
  EventLog(Loop& loop, Log& log, std::size_t limit) : loop_(loop), log_(log), limit_(limit) {}
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  Outcome<> open(int events_map);
  const std::deque<KernelEvent>& events() const { return events_; }  // newest last

 private:
  void take(const sluice_event& event);
  Loop& loop_;
  Log& log_;
  std::size_t limit_;
  std::uint64_t count_ = 0;
  std::deque<KernelEvent> events_;
  std::unique_ptr<kernel::EventReader> reader_;
  Loop::Watch watch_{};
};

}  // namespace sluice::agent
