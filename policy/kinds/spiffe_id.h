// SPIFFE IDs as go-spiffe v2 reads them: scheme spiffe, lower-case trust domain, no empty or relative path
// segment.
#pragma once

#include <string>
#include <string_view>

namespace sluice::policy {

// Empty when `text` is a SPIFFE ID, else why not ("scheme is missing or invalid").
std::string spiffe_id_problem(std::string_view text);

}  // namespace sluice::policy
