// What the keeper holds for each workload: its namespace and its two listeners. Numbers come from the agent
// and are stable over the agent's restarts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>

#include "base/fd.h"
#include "base/message.h"
#include "keeper/sockets.h"

namespace sluice::keeper {

inline constexpr std::size_t kWorkloadsMax = 4096;

struct HeldWorkload {
  Fd netns;  // invalid: the keeper's own namespace
  dev_t device = 0;
  ino_t inode = 0;      // of the namespace; 0 for the own one
  Fd out;               // ListenerSlot::out
  Fd in;                // ListenerSlot::in
  bool claimed = true;  // false after an agent restart until the agent names it again
};

class WorkloadBook {
 public:
  explicit WorkloadBook(const Namespaces& namespaces) : namespaces_(namespaces) {}

  enum class Added { made, replaced, known };
  // The listeners of this workload in this namespace: the ones held already when the namespace is the same
  // (no listener closes over an agent restart), new ones otherwise. Error: errno; EINVAL when the descriptor
  // is no network namespace, ENOSPC when the book is full.
  SysResult<Added> add(std::uint32_t workload, Fd netns);
  // False when there is no such workload.
  bool remove(std::uint32_t workload);
  const HeldWorkload* find(std::uint32_t workload) const;

  // One batch for the proxy. At least one socket, or the errno (ENOENT: no such workload; EINVAL: bad
  // request).
  SysResult<std::vector<Fd>> make_sockets(const message::MakeSockets& wanted, std::uint32_t mark) const;

  void unclaim_all();
  // Closes what no agent has named since unclaim_all; the numbers of what was closed.
  std::vector<std::uint32_t> drop_unclaimed();

  const std::map<std::uint32_t, HeldWorkload>& all() const { return held_; }
  // Takes over what an earlier keeper held.
  void adopt(std::uint32_t workload, HeldWorkload held) { held_.insert_or_assign(workload, std::move(held)); }

 private:
  const Namespaces& namespaces_;
  std::map<std::uint32_t, HeldWorkload> held_;
};

}  // namespace sluice::keeper
