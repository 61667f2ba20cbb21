// systemd: readiness, and the descriptor store that hands listeners back when the keeper itself is restarted
// (FileDescriptorStoreMax= in the unit). Without NOTIFY_SOCKET everything here does nothing. Home of
// <systemd/...>.
#pragma once

#include <cstdint>
#include <map>

#include "keeper/workload_book.h"

namespace sluice::keeper {

void notify_ready();
void notify_stopping();
void notify_status(const char* text);

// Names in the store: "out.<workload>", "in.<workload>", "netns.<workload>" (sd_pid_notify_with_fds(3)).
void store_workload(std::uint32_t workload, const HeldWorkload& held);
void unstore_workload(std::uint32_t workload);

// What the store kept over a restart of the service; workloads of which a part is missing are closed. Once
// per process.
std::map<std::uint32_t, HeldWorkload> stored_workloads();

}  // namespace sluice::keeper
