// The documents that a user names on the command line. What is read is bounded, and a directory is walked in
// bounded time: links to directories inside it are not followed.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::ctl {

struct FileLimits {
  std::size_t depth = 16;                      // levels of directories; 1: the directory itself only
  std::size_t files = 10'000;                  // of one run
  std::size_t entries = 200'000;               // looked at in directories
  std::size_t bytes = std::size_t{256} << 20;  // of one file
};

// Files and "-" as given; of a directory its *.yaml, *.yml and *.json that are regular files (or links to
// such), without hidden ones, sorted. A fault for a directory that cannot be read or holds none.
Outcome<std::vector<std::string>> expand_paths(const std::vector<std::string>& given,
                                               const FileLimits& limits = {});

// The first `limit` bytes of a file, or of `standard_input` for "-".
Outcome<std::string> content_of(const std::string& name, std::istream& standard_input, std::size_t limit);

}  // namespace sluice::ctl
