#include "enrol/capture_site.h"

#include <algorithm>

namespace sluice::agent {

Outcome<kernel::CaptureRouting> CaptureSite::routing(int netns) const {
  kernel::CaptureRouting out;
  out.mark = static_cast<std::uint32_t>(config_.capture_mark);
  out.mask = static_cast<std::uint32_t>(config_.capture_mark_mask);
  out.table = static_cast<std::uint32_t>(config_.capture_route_table);
  out.priority = static_cast<std::uint32_t>(config_.capture_rule_preference);
  auto source = kernel::preferred_source_v4(netns);
  if (!source) return std::unexpected(source.error());
  out.source_v4 = *source;
  return out;
}

Outcome<> CaptureSite::prepare(int netns, AttachRecord& record) const {
  const auto wanted = routing(netns);
  if (!wanted) return std::unexpected(wanted.error());
  auto before = kernel::set_capture_sysctls(netns);
  if (!before) return std::unexpected(before.error());
  for (auto& entry : before->entries)
    if (std::ranges::find(record.sysctls.entries, entry.name, &kernel::SavedSysctls::Entry::name) ==
        record.sysctls.entries.end())
      record.sysctls.entries.push_back(std::move(entry));
  return kernel::add_capture_routing(netns, *wanted);
}

Outcome<std::vector<std::string>> CaptureSite::missing(int netns) const {
  const auto wanted = routing(netns);
  if (!wanted) return std::unexpected(wanted.error());
  auto out = kernel::check_capture_routing(netns, *wanted);
  auto settings = kernel::check_capture_sysctls(netns);
  if (!out || !settings) return out ? settings : out;
  out->insert(out->end(), settings->begin(), settings->end());
  return out;
}

Outcome<> CaptureSite::clear(int netns, const kernel::SavedSysctls& saved) const {
  const auto wanted = routing(netns);
  if (!wanted) return std::unexpected(wanted.error());
  if (auto removed = kernel::remove_capture_routing(netns, *wanted); !removed) return removed;
  return kernel::restore_sysctls(netns, saved);
}

}  // namespace sluice::agent
