// What a health check tells the file that MeshHealthCheck's eventLogPath names: a message from the proxy,
// which has no files, to the agent, who writes it down (agent/app/health_files.h). Envoy's
// envoy.data.core.v3.HealthCheckEvent, for its kinds and words.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::message {

struct HealthEvent {
  enum class What : std::uint32_t { ejected, added, failed };  // unhealthy, healthy, a check failed
  enum class Checker : std::uint32_t { tcp, http, grpc };      // HTTP/2 is http
  enum class Failure : std::uint32_t {
    active,
    network,
    network_timeout
  };  // a wrong answer, none, none in time

  std::uint64_t wall_ns = 0;  // since 1970
  What what{};
  Checker checker{};
  Failure failure{};        // of ejected and failed
  std::uint32_t first = 0;  // 1: nothing was known of the endpoint before
  std::array<std::uint8_t, 16> address{};
  std::uint32_t port = 0;
  std::uint32_t pad = 0;
  // Zero-terminated; none is cut: what does not fit is not sent.
  std::array<char, 256> mesh{};
  std::array<char, 512> service{};
  std::array<char, 1024> path{};
};

// False when the text does not fit.
template <std::size_t Size>
bool put_text(std::array<char, Size>& out, std::string_view text) {
  if (text.size() >= Size) return false;
  out.fill('\0');
  text.copy(out.data(), text.size());
  return true;
}

// Up to its end, or all of it.
template <std::size_t Size>
std::string text_of(const std::array<char, Size>& bytes) {
  return {bytes.begin(), std::find(bytes.begin(), bytes.end(), '\0')};
}

}  // namespace sluice::message
