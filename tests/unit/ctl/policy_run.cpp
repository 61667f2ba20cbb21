#include "policy_run.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "ctl/command.h"

namespace sluice::ctl {

PolicyRun::PolicyRun() {
  auto pattern = (std::filesystem::temp_directory_path() / "sluice-policy-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
  directory_ = pattern;
}

PolicyRun::~PolicyRun() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string PolicyRun::file(const std::string& name, const std::string& content) {
  const auto where = directory_ / name;
  std::filesystem::create_directories(where.parent_path());
  std::ofstream(where, std::ios::binary) << content;
  return where.string();
}

int PolicyRun::run(const std::vector<std::string>& arguments, const std::string& standard_input) {
  std::ostringstream written;
  std::ostringstream told;
  std::istringstream in(standard_input);
  Terminal terminal{written, told, in};
  std::vector<std::string> all{"policy"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const int code = run_command(all, "/nonexistent", terminal);
  out = written.str();
  err = told.str();
  return code;
}

}  // namespace sluice::ctl
