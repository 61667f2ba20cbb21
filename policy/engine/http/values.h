// Values of policies on requests as the table has them. What is absent or malformed is nothing, or the
// fallback.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/document/node.h"
#include "policy/table/http_image.h"

namespace sluice::policy {

std::string lower_case(std::string_view text);
Nanos duration_of(const Node& parent, std::string_view key, Nanos fallback = {});
std::uint32_t count_of(const Node& parent, std::string_view key, std::uint32_t fallback = 0);
bool flag_of(const Node& parent, std::string_view key, bool fallback = false);

// "int or decimal string" times `scale`, rounded, within 32 bits.
std::optional<std::uint32_t> decimal_of(const Node& parent, std::string_view key, std::uint32_t scale);
// A percentage as parts per million.
std::uint32_t share_of(const Node& parent, std::string_view key, std::uint32_t fallback);

// `set`, `add` and `remove` below the node; null: no edits.
HeaderEdits header_edits(const Node* node);
// A list of {type, name, value}; type is Exact when absent. Names of headers in lower case.
std::vector<TextMatch> text_matches(const Node* list, bool headers);
// Names and values of a mapping.
std::vector<HeaderField> fields_of(const Node* mapping);
std::vector<std::uint16_t> statuses_of(const Node* list);

}  // namespace sluice::policy
