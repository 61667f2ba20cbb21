// What an enrolment changed outside the pinned maps, on disk: enough to undo it after a restart of the agent,
// and after its Dataplane is gone. Namespace cookies start again at every boot, so records of an earlier boot
// are void, and nobody waits for the disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/netns_setup.h"

namespace sluice::agent {

struct AttachRecord {
  std::uint32_t workload = 0;  // 0: the host namespace
  std::string name;            // "mesh/name", for messages
  bool in_namespace = false;
  std::string path;
  std::uint64_t netns_cookie = 0;
  kernel::SavedSysctls sysctls;  // of the namespace, from before
};

class AttachRecords {
 public:
  // `boot_id`: text of /proc/sys/kernel/random/boot_id.
  static Outcome<AttachRecords> open(std::string directory, std::string boot_id);
  Outcome<> save(const AttachRecord& record);
  Outcome<> forget(std::uint32_t workload);
  const AttachRecord* find(std::uint32_t workload) const;
  const std::vector<AttachRecord>& all() const { return records_; }

 private:
  AttachRecords(std::string directory, std::string boot_id)
      : directory_(std::move(directory)), boot_id_(std::move(boot_id)) {}
  std::string path_of(std::uint32_t workload) const;

  std::string directory_;
  std::string boot_id_;
  std::vector<AttachRecord> records_;
};

}  // namespace sluice::agent
