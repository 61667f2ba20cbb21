#include "exchange/grpc.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "http/scan.h"

namespace sluice::exchange {
namespace {

struct Unit {
  char letter;
  std::int64_t nanos;
};
constexpr std::array<Unit, 6> kUnits{{{'n', 1},
                                      {'u', 1'000},
                                      {'m', 1'000'000},
                                      {'S', 1'000'000'000},
                                      {'M', 60'000'000'000},
                                      {'H', 3'600'000'000'000}}};
constexpr std::int64_t kMost = 99'999'999;  // eight digits

constexpr std::string_view kStatus = "grpc-status";

std::optional<unsigned> number(std::string_view text) {
  unsigned status = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), status);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return status;
}

}  // namespace

bool is_grpc(const policy::HeaderFields& request) {
  constexpr std::string_view kType = "application/grpc";
  const auto type = request.find("content-type");
  if (!type || !type->starts_with(kType)) return false;
  return type->size() == kType.size() || (*type)[kType.size()] == '+' || (*type)[kType.size()] == ';';
}

std::optional<Nanos> read_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  const auto unit = std::ranges::find(kUnits, text.back(), &Unit::letter);
  text.remove_suffix(1);
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (unit == kUnits.end() || read.ec != std::errc() || read.ptr != text.data() + text.size() || value < 0)
    return std::nullopt;
  constexpr std::int64_t kLongest = std::chrono::nanoseconds(std::chrono::hours(24 * 365)).count();
  return Nanos(value > kLongest / unit->nanos ? kLongest : value * unit->nanos);
}

std::string write_grpc_timeout(Nanos timeout) {
  const std::int64_t nanos = std::max<std::int64_t>(0, timeout.count());
  for (const Unit& unit : kUnits) {
    if (nanos / unit.nanos <= kMost) return std::to_string(nanos / unit.nanos) + unit.letter;
  }
  return std::to_string(kMost) + "H";
}

std::optional<unsigned> told_grpc_status(const policy::HeaderFields& head) {
  const auto text = head.find(kStatus);
  return text ? number(*text) : std::nullopt;
}

std::optional<unsigned> told_grpc_status(std::string_view trailers) {
  while (!trailers.empty()) {
    const auto end = trailers.find("\r\n");
    std::string_view line = trailers.substr(0, end);
    trailers.remove_prefix(end == std::string_view::npos ? trailers.size() : end + 2);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !http::equal_ignoring_case(line.substr(0, colon), kStatus))
      continue;
    line.remove_prefix(colon + 1);
    const auto begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return std::nullopt;
    return number(line.substr(begin, line.find_last_not_of(" \t") + 1 - begin));
  }
  return std::nullopt;
}

std::uint16_t counts_as(unsigned grpc_status) {
  constexpr std::uint16_t kOf[] = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                   400, 409, 400, 501, 500, 503, 500, 401};
  return grpc_status < std::size(kOf) ? kOf[grpc_status] : std::uint16_t{500};
}

unsigned grpc_status(std::uint16_t http_status) {
  switch (http_status) {
    case 400:
      return 13;  // INTERNAL
    case 401:
      return 16;  // UNAUTHENTICATED
    case 403:
      return 7;  // PERMISSION_DENIED
    case 404:
      return 12;  // UNIMPLEMENTED
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;  // UNAVAILABLE
    default:
      return 2;  // UNKNOWN
  }
}

std::string grpc_fields(unsigned status, std::string_view message) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out = "content-type: application/grpc\r\ngrpc-status: " + std::to_string(status);
  out += "\r\ngrpc-message: ";
  while (message.ends_with('\n')) message.remove_suffix(1);
  for (const char c : message) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return out + "\r\n";
}

}  // namespace sluice::exchange
