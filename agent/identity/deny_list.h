// The deny list of a CA directory, file ca.revoked: one certificate serial (hexadecimal) or SPIFFE ID a line, '#'
// begins a comment. Nodes that share the directory share the list.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/revocations.h"

namespace sluice::identity {

struct DenyList {
  Revocations revoked;
  std::vector<std::string> problems;  // "FILE:LINE: ..."; every good line counts all the same
};

// A missing file is an empty list. A file that cannot be read, or is too large, is told in problems.
DenyList read_deny_list(const std::filesystem::path& directory);

}  // namespace sluice::identity
