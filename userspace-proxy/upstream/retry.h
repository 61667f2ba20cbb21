// MeshRetry's judgement: may what happened to an attempt be tried again, when, and at which hosts not
// (kuma.md 2.2: Envoy's router semantics). Whether the request can be sent again at all - its body is still
// there, no byte of an answer went to the client - is for the caller to know.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "policy/table/http_image.h"
#include "upstream/random.h"

namespace sluice::upstream {

// How one attempt went, as far as a retry is concerned.
struct Outcome {
  enum class Kind : std::uint8_t {
    answer,           // a response head came
    connect_failure,  // refused, unreachable, or not within the connect timeout
    refused_stream,   // HTTP/2 REFUSED_STREAM: the server did nothing with it
    reset,            // the connection or stream ended before an answer
    try_timeout,      // perTryTimeout passed
    overflow          // a circuit breaker limit: never retried
  };
  Kind kind = Kind::answer;
  std::uint16_t status = 0;
  std::optional<std::uint32_t> grpc_status = std::nullopt;  // of a trailers-only answer
  bool envoy_ratelimited = false;                           // the answer has x-envoy-ratelimited
  bool header_matches = false;  // one of RetryImage::response_headers matches the answer
};

// Whether the policy retries requests like this one: its methods and conditions on request headers are one
// list of alternatives, as in Envoy. `header_matches`: one of RetryImage::request_headers matches.
bool retries_request(const policy::RetryImage& image, std::string_view method, bool header_matches);
bool is_retriable(const policy::RetryImage& image, const Outcome& outcome);

// The time before the next attempt, one object per request: uniform in [0, base * 2^n), never above the
// maximum; or what the server asked for by a reset header, if that is not above reset_max, plus up to half of
// it as jitter so that clients do not come back all at once.
class BackOff {
 public:
  explicit BackOff(const policy::RetryImage& image);

  // A header of the last answer by its lower-case name; the value is read before the next call.
  using Header = std::function<std::optional<std::string_view>(std::string_view name)>;
  Nanos next(Random& random);
  Nanos next(Random& random, const Header& answer, WallTime now);

 private:
  std::optional<Nanos> asked_for(const Header& answer, WallTime now) const;

  const policy::RetryImage& image_;
  Nanos step_;
  Nanos max_;
};

}  // namespace sluice::upstream
