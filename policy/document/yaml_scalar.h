// The type of a plain YAML scalar, by the rules of the decoder that Kuma uses (YAML 1.1 with JSON's types as
// target).
#pragma once

#include <string>

#include "policy/document/node.h"

namespace sluice::policy {

// Gives a plain (unquoted) scalar its kind; booleans become "true"/"false", whole numbers decimal text.
void resolve_plain(std::string text, Node& out);

// Well-formed UTF-8 without NUL.
bool is_clean_utf8(std::string_view text);

}  // namespace sluice::policy
