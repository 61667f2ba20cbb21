// Rules that the kinds of destinations share (kuma.md 1.1, 1.4).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/kinds/validator.h"

namespace sluice::policy {

// kuma-3: the name is an RFC 1035 label, since it becomes a part of hostnames. kuma-2: at most 63 characters
// where `limited`. At the path "name".
void validate_service_name(Validator& validator, bool limited);

// An IP address or a DNS name.
bool is_host(std::string_view text);

// 1..65535, with the words of the plugin kinds.
void validate_service_port(Validator& validator, const Node& parent, const std::string& path,
                           std::string_view key);

// "must be one of [a, b]" for `value`, quoted as Kuma quotes.
std::string must_be_one_of(std::string_view what, std::string_view choices);

// The text under `key`, when given, is one of `choices`: what the schema says too, in the validators' words.
void validate_choice(Validator& validator, const Node& parent, const std::string& path, std::string_view key,
                     const std::vector<std::string_view>& choices);

// True for an appProtocol that the dialect supports; kuma-3 ignores its case.
bool is_supported_protocol(std::string_view text, Dialect dialect);
std::string_view supported_protocols(Dialect dialect);

}  // namespace sluice::policy
