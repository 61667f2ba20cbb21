// Gives the rules that a part of an image refers to other numbers: parts are made with numbers of their own
// and take the table's when they are put together.
#pragma once

#include <span>

#include "policy/table/image.h"

namespace sluice::policy {

// `numbers[old]` is the new number of rule `old`.
void renumber_rules(WorkloadImage& part, std::span<const RuleIndex> numbers);
void renumber_rules(OutboundImage& part, std::span<const RuleIndex> numbers);
void renumber_rules(Permissions& part, std::span<const RuleIndex> numbers);
void renumber_rules(HttpOutboundImage& part, std::span<const RuleIndex> numbers);
void renumber_rules(ClusterImage& part, std::span<const RuleIndex> numbers);
void renumber_rules(HttpInboundImage& part, std::span<const RuleIndex> numbers);

}  // namespace sluice::policy
