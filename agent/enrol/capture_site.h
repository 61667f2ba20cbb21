// One network namespace made ready for captured connections: routing of marked packets and the sysctls that
// go with it. Used for each enrolled namespace and once for the host's.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "enrol/attach_record.h"
#include "kernel/netns_setup.h"

namespace sluice::agent {

class CaptureSite {
 public:
  explicit CaptureSite(const Config& config) : config_(config) {}

  // Puts everything in place and notes in `record` what was there before (unless it already says so); the
  // caller saves the record.
  Outcome<> prepare(int netns, AttachRecord& record) const;
  // What is missing or different; empty when all is in place.
  Outcome<std::vector<std::string>> missing(int netns) const;
  Outcome<> clear(int netns, const kernel::SavedSysctls& saved) const;

 private:
  Outcome<kernel::CaptureRouting> routing(int netns) const;
  const Config& config_;
};

}  // namespace sluice::agent
