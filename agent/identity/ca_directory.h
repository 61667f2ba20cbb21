// The files of a builtin CA, shared by the nodes of a mesh: ca.key (mode 0600), ca.crt, further ca*.crt,
// ca.lock.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace sluice::identity {

// A whole file of at most `max` bytes.
Outcome<std::string> read_file(const std::filesystem::path& path, std::size_t max);

// Like read_file, and refuses a key that the bits of `forbidden_mode` let others read.
Outcome<std::string> read_key_file(const std::filesystem::path& path, unsigned forbidden_mode);

// Makes what is missing of ca.key and ca.crt, atomically and durably; one winner when several nodes try at
// once.
Outcome<void> ensure_ca(const std::filesystem::path& directory, const std::string& trust_domain,
                        const Clock& clock);

// The further certificates to trust: ca*.crt without ca.crt, in order of name.
Outcome<std::vector<std::filesystem::path>> further_certificates(const std::filesystem::path& directory);

// Changes whenever a file of the directory is replaced, edited, added or removed; compares by inode, time and
// size.
std::string fingerprint(const std::filesystem::path& directory);

}  // namespace sluice::identity
