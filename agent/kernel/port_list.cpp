#include "kernel/port_list.h"

#include <algorithm>
#include <charconv>

namespace sluice::kernel {
namespace {

std::optional<std::uint16_t> take_port(std::string_view& text) {
  std::uint16_t port = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return port;
}

}  // namespace

std::optional<PortRange> parse_port_range(std::string_view text) {
  const auto first = take_port(text);
  const auto blanks = std::min(text.find_first_not_of(" \t"), text.size());
  if (!first || blanks == 0) return std::nullopt;
  text.remove_prefix(blanks);
  const auto last = take_port(text);
  if (!last || !text.empty() || *last < *first) return std::nullopt;
  return PortRange{*first, *last};
}

std::optional<std::vector<PortRange>> parse_port_list(std::string_view text) {
  std::vector<PortRange> out;
  while (!text.empty()) {
    const auto first = take_port(text);
    auto last = first;
    if (first && text.starts_with('-')) {
      text.remove_prefix(1);
      last = take_port(text);
    }
    if (!first || !last || *last < *first) return std::nullopt;
    out.push_back({*first, *last});
    if (text.empty()) break;
    if (!text.starts_with(',') || text.size() == 1) return std::nullopt;
    text.remove_prefix(1);
  }
  return out;
}

bool holds_all(const std::vector<PortRange>& list, const PortRange& range) {
  std::uint32_t next = range.first;  // the first port not seen yet
  for (bool grown = true; grown && next <= range.last;) {
    grown = false;
    for (const auto& part : list)
      if (part.first <= next && next <= part.last) {
        next = std::uint32_t{part.last} + 1;
        grown = true;
      }
  }
  return next > range.last;
}

}  // namespace sluice::kernel
