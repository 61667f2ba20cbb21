// Shared rules about numbers in a policy's `default` (kuma.md 2.0).
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "policy/kinds/validator.h"

namespace sluice::policy {

// Each named field is a whole number above zero when it is given.
void validate_above_zero(Validator& validator, const Node& parent, const std::string& path,
                         std::initializer_list<std::string_view> keys,
                         const std::string& message = "must be greater than 0");

// An "int or decimal string" above zero when it is given.
void validate_decimal_above_zero(Validator& validator, const Node& parent, const std::string& path,
                                 std::string_view key);

// An "int or decimal string" that is not negative when it is given.
void validate_decimal_from_zero(Validator& validator, const Node& parent, const std::string& path,
                                std::string_view key);

// An "int or decimal string" above 0 and at most 100 when it is given.
void validate_percentage_above_zero(Validator& validator, const Node& parent, const std::string& path,
                                    std::string_view key);

// An "int or decimal string" between 0 and 100 when it is given.
void validate_percentage(Validator& validator, const Node& parent, const std::string& path,
                         std::string_view key);

// A bandwidth such as 50kbps, 10Mbps or 1Gbps; must be given.
void validate_bandwidth(Validator& validator, const Node& parent, const std::string& path,
                        std::string_view key);

}  // namespace sluice::policy
