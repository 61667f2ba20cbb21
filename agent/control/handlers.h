// The handlers behind routes(): read_*.cpp only look, change_*.cpp alter the node.
#pragma once

#include "control/routes.h"

namespace sluice::control {

#define SLUICE_HANDLER(name) \
  Answer name(agent::AgentApi& api, const Request& request, const PathValues& values)
SLUICE_HANDLER(get_version);
SLUICE_HANDLER(get_status);
SLUICE_HANDLER(get_check);
SLUICE_HANDLER(get_workloads);
SLUICE_HANDLER(get_resources);
SLUICE_HANDLER(get_resource);
SLUICE_HANDLER(get_connections);
SLUICE_HANDLER(get_explain);
SLUICE_HANDLER(get_certs);
SLUICE_HANDLER(get_log);
SLUICE_HANDLER(get_metrics);

SLUICE_HANDLER(post_resources);
SLUICE_HANDLER(delete_resource);
SLUICE_HANDLER(post_workloads);
SLUICE_HANDLER(delete_workload);
SLUICE_HANDLER(put_log);
SLUICE_HANDLER(post_uninstall);
SLUICE_HANDLER(post_upgrade);
#undef SLUICE_HANDLER

}  // namespace sluice::control
