// Runs `sluice policy ...` in this process on files of a temporary directory.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sluice::ctl {

class PolicyRun {
 public:
  PolicyRun();
  ~PolicyRun();
  PolicyRun(const PolicyRun&) = delete;
  PolicyRun& operator=(const PolicyRun&) = delete;

  // The path of a new file; folders on the way are made.
  std::string file(const std::string& name, const std::string& content);
  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  // `arguments` follow `sluice policy`. Returns the exit code; `out` and `err` hold what was written.
  int run(const std::vector<std::string>& arguments, const std::string& standard_input = {});

  std::string out, err;

 private:
  std::filesystem::path directory_;
};

}  // namespace sluice::ctl
