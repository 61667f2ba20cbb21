// What the proxy knows of gRPC over HTTP/2: which requests are gRPC, their deadlines (grpc-timeout), and the
// form that an answer of the proxy's own takes for them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "policy/table/route_index.h"

namespace sluice::exchange {

// By its content-type.
bool is_grpc(const policy::HeaderFields& request);

// "TimeoutValue TimeoutUnit": at most eight digits and one of H M S m u n. Nothing: it is none.
std::optional<Nanos> read_grpc_timeout(std::string_view text);
// In the finest unit that eight digits hold, rounded down. Zero or less is "0n".
std::string write_grpc_timeout(Nanos timeout);

// The grpc-status that an answer says: in its head when it has only trailers, else in its trailers (field
// lines with their CRLF). Nothing: it says none.
std::optional<unsigned> told_grpc_status(const policy::HeaderFields& head);
std::optional<unsigned> told_grpc_status(std::string_view trailers);
// The HTTP status that a grpc-status counts as where answers are judged by theirs.
std::uint16_t counts_as(unsigned grpc_status);

inline constexpr unsigned kGrpcDeadlineExceeded = 4;
// The grpc-status that stands for an HTTP status (the gRPC project's table, http-grpc-status-mapping).
unsigned grpc_status(std::uint16_t http_status);
// The fields of an answer that has only trailers.
std::string grpc_fields(unsigned status, std::string_view message);

}  // namespace sluice::exchange
