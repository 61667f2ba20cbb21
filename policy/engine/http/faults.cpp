#include "policy/engine/http/faults.h"

#include <algorithm>
#include <charconv>
#include <ranges>
#include <string_view>
#include <utility>

#include "policy/engine/http/matched_rules.h"
#include "policy/engine/http/values.h"
#include "policy/engine/permissions.h"

namespace sluice::policy {
namespace {

// "50kbps", "10 Mbps", "1Gbps" in kilobits a second; 0 when it has no number.
std::uint64_t bandwidth_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return 0;
  auto unit = text.substr(static_cast<std::size_t>(stop - text.data()));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  const std::uint64_t factor = unit == "kbps" ? 1 : unit == "Mbps" ? 1'000 : unit == "Gbps" ? 1'000'000 : 0;
  constexpr std::uint64_t kMost = 1'000'000'000;
  return std::min(number, kMost) * factor;
}

Fault fault_of(const Node& node) {
  Fault out;
  if (const auto* abort = node.find("abort")) {
    // Below 200 it would be no answer.
    const auto status = std::min(count_of(*abort, "httpStatus"), 599U);
    out.abort_status = status < 200 ? std::uint16_t{0} : static_cast<std::uint16_t>(status);
    out.abort_share = share_of(*abort, "percentage", 0);
  }
  if (const auto* delay = node.find("delay")) {
    out.delay = duration_of(*delay, "value");
    out.delay_share = share_of(*delay, "percentage", 0);
  }
  if (const auto* bandwidth = node.find("responseBandwidth")) {
    out.bandwidth_kbps = bandwidth_of(bandwidth->text_of("limit"));
    out.bandwidth_share = share_of(*bandwidth, "percentage", 0);
  }
  return out;
}

// One entry for each fault of the item; `last`: nothing after them counts for these peers.
void add_item(const PolicyItem& item, const std::vector<Condition>& conditions, bool last, RuleBook& rules,
              std::vector<MatchedFault>& out) {
  const auto* list = item.item->find_path({"default", "http"});
  const auto count = list == nullptr ? 0 : list->items.size();
  if (count == 0) {
    if (last) out.push_back({conditions, {}, true, rules.add(item.policy->origin(item.item->mark))});
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto& fault = list->items[i];
    out.push_back(
        {conditions, fault_of(fault), last && i + 1 == count, rules.add(item.policy->origin(fault.mark))});
  }
}

void add_rule(const PolicyItem& item, RuleBook& rules, std::vector<MatchedFault>& out) {
  const auto* matches = item.item->find("matches");
  if (matches == nullptr || matches->items.empty()) return add_item(item, {}, false, rules, out);
  for (const auto& match : matches->items) add_item(item, conditions_of(match), false, rules, out);
}

}  // namespace

std::vector<MatchedFault> faults_of(const std::string& mesh, const std::vector<PolicyItem>& items,
                                    RuleBook& rules) {
  std::vector<MatchedFault> out;
  const auto is_rule = [](const PolicyItem& item) { return item.item->find("targetRef") == nullptr; };
  if (std::ranges::any_of(items, is_rule)) {
    for (const auto& item : items) {
      if (is_rule(item)) add_rule(item, rules, out);
    }
    return out;
  }
  for (const auto& item : items | std::views::reverse)
    add_item(item, client_conditions(mesh, *item.item->find("targetRef")), true, rules, out);
  return out;
}

}  // namespace sluice::policy
