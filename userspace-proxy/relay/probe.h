// One health probe over a connection to an endpoint: what is asked, and whether the answer is good.
#pragma once

#include <string>

#include "codec/message_stream.h"
#include "io/stream.h"
#include "io/task.h"
#include "policy/table/http_image.h"
#include "upstream/health.h"

namespace sluice::relay {

struct ProbeOutcome {
  upstream::ProbeResult result = upstream::ProbeResult::failed;
  std::string what{};  // for the log: "status 503"
};

// Errors of both: there was no answer.
// HTTP and gRPC (grpc.health.v1.Health/Check). `authority`: of the request, where the policy names none.
io::Task<Result<ProbeOutcome>> probe_requests(codec::ClientStream& stream, const policy::HealthCheck& check,
                                              std::string authority);
// Bytes: what the policy sends, and what must be found in the answer in its order.
io::Task<Result<ProbeOutcome>> probe_bytes(io::Stream& stream, const policy::HealthCheck& check);

}  // namespace sluice::relay
