// Lists of ports as /proc/sys writes them: "8080,9000-9100" (ip_local_reserved_ports), "32768\t60999"
// (ip_local_port_range).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::kernel {

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;

  bool overlaps(const PortRange& other) const { return first <= other.last && other.first <= last; }
  std::uint32_t size() const { return std::uint32_t{last} - first + 1; }
  std::uint32_t shared(const PortRange& other) const {
    return overlaps(other) ? PortRange{std::max(first, other.first), std::min(last, other.last)}.size() : 0;
  }
  bool operator==(const PortRange&) const = default;
};

std::optional<PortRange> parse_port_range(std::string_view text);  // of ip_local_port_range
// Nothing when it is no such list.
std::optional<std::vector<PortRange>> parse_port_list(std::string_view text);
// Is every port of `range` in the list, however it is cut?
bool holds_all(const std::vector<PortRange>& list, const PortRange& range);

}  // namespace sluice::kernel
