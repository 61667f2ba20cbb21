#include "upstream/retry.h"

#include <algorithm>
#include <charconv>

namespace sluice::upstream {
namespace {

using policy::RetryOn;

constexpr Nanos kBaseDefault = Millis(25);
constexpr Nanos kBaseMax = std::chrono::hours(24);
constexpr Nanos kResetMaxDefault = std::chrono::seconds(300);

bool on(const policy::RetryImage& image, RetryOn what) {
  return (image.on & static_cast<std::uint32_t>(what)) != 0;
}

// A reset of any kind would be answered by 503 or 504, so it counts as such.
bool retries_reset(const policy::RetryImage& image, Outcome::Kind kind) {
  if (on(image, RetryOn::reset) || on(image, RetryOn::server_error) || on(image, RetryOn::gateway_error)) {
    return true;
  }
  if (kind == Outcome::Kind::refused_stream) return on(image, RetryOn::refused_stream);
  return kind == Outcome::Kind::connect_failure && on(image, RetryOn::connect_failure);
}

bool retries_grpc(const policy::RetryImage& image, std::uint32_t status) {
  switch (status) {
    case 1:
      return on(image, RetryOn::grpc_cancelled);
    case 4:
      return on(image, RetryOn::grpc_deadline_exceeded);
    case 8:
      return on(image, RetryOn::grpc_resource_exhausted);
    case 13:
      return on(image, RetryOn::grpc_internal);
    case 14:
      return on(image, RetryOn::grpc_unavailable);
    default:
      return false;
  }
}

bool retries_answer(const policy::RetryImage& image, const Outcome& outcome) {
  if (outcome.envoy_ratelimited) return on(image, RetryOn::envoy_ratelimited);
  const std::uint16_t status = outcome.status;
  if (status >= 500 && status <= 599 && on(image, RetryOn::server_error)) return true;
  if (status >= 502 && status <= 504 && on(image, RetryOn::gateway_error)) return true;
  if (status == 409 && on(image, RetryOn::retriable_4xx)) return true;
  if (std::ranges::find(image.statuses, status) != image.statuses.end()) return true;
  return outcome.header_matches || (outcome.grpc_status && retries_grpc(image, *outcome.grpc_status));
}

}  // namespace

bool retries_request(const policy::RetryImage& image, std::string_view method, bool header_matches) {
  if (image.retries == 0) return false;
  if (image.methods.empty() && image.request_headers.empty()) return true;
  return header_matches || std::ranges::find(image.methods, method) != image.methods.end();
}

bool is_retriable(const policy::RetryImage& image, const Outcome& outcome) {
  if (image.retries == 0 || outcome.kind == Outcome::Kind::overflow) return false;
  if (outcome.kind == Outcome::Kind::answer) return retries_answer(image, outcome);
  return retries_reset(image, outcome.kind);
}

BackOff::BackOff(const policy::RetryImage& image)
    : image_(image),
      step_(image.backoff_base > Nanos{0} ? std::min<Nanos>(image.backoff_base, kBaseMax) : kBaseDefault),
      max_(image.backoff_max > Nanos{0} ? std::min<Nanos>(image.backoff_max, kBaseMax) : step_ * 10) {}

Nanos BackOff::next(Random& random) {
  const Nanos limit = std::min(step_, max_);
  step_ = std::min(limit * 2, max_);
  return Nanos(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(limit.count()))));
}

Nanos BackOff::next(Random& random, const Header& answer, WallTime now) {
  const auto asked = asked_for(answer, now);
  if (!asked) return next(random);
  const auto half = static_cast<std::uint64_t>(asked->count() / 2);
  return *asked + Nanos(static_cast<std::int64_t>(half == 0 ? 0 : random.below(half)));
}

std::optional<Nanos> BackOff::asked_for(const Header& answer, WallTime now) const {
  const Nanos max = image_.reset_max > Nanos{0} ? image_.reset_max : kResetMaxDefault;
  for (const auto& header : image_.reset_headers) {
    const auto value = answer(header.name);
    if (!value) continue;
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), seconds);
    if (error != std::errc{} || end != value->data() + value->size()) continue;
    if (header.unix_time) {
      const auto today = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
      if (seconds < today) continue;
      seconds -= today;
    }
    // Compared before it is multiplied: a hostile figure does not overflow.
    if (seconds < 0 || seconds > max / std::chrono::seconds(1)) continue;
    return std::chrono::seconds(seconds);
  }
  return std::nullopt;
}

}  // namespace sluice::upstream
