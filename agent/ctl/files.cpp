#include "ctl/files.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <istream>

namespace sluice::ctl {
namespace {

namespace fs = std::filesystem;

bool is_document(const fs::directory_entry& entry) {
  const auto name = entry.path().filename().string();
  const auto extension = entry.path().extension();
  std::error_code failed;
  return !name.starts_with('.') && (extension == ".yaml" || extension == ".yml" || extension == ".json") &&
         entry.is_regular_file(failed);
}

class Walk {
 public:
  explicit Walk(const FileLimits& limits) : limits_(limits) {}

  Outcome<> enter(const fs::path& directory, std::size_t depth) {
    if (depth > limits_.depth) return {};
    std::error_code failed;
    std::vector<fs::path> below;
    auto entry = fs::directory_iterator(directory, failed);
    for (; !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
      if (++entries_ > limits_.entries)
        return fault(fmt::format("{} holds more than {} entries", directory.string(), limits_.entries));
      std::error_code unknown;
      if (is_document(*entry)) {
        found.push_back(entry->path().string());
      } else if (fs::is_directory(entry->symlink_status(unknown))) {
        below.push_back(entry->path());
      }
    }
    if (failed) return fault_errno(fmt::format("read directory {}", directory.string()), failed.value());
    for (const auto& child : below) {
      if (auto entered = enter(child, depth + 1); !entered) return entered;
    }
    return {};
  }

  std::vector<std::string> found;

 private:
  const FileLimits& limits_;
  std::size_t entries_ = 0;
};

std::string read_up_to(std::istream& in, std::size_t limit) {
  std::string out;
  std::array<char, 65536> block;
  while (out.size() < limit && in) {
    in.read(block.data(), static_cast<std::streamsize>(std::min(block.size(), limit - out.size())));
    out.append(block.data(), static_cast<std::size_t>(in.gcount()));
  }
  return out;
}

}  // namespace

Outcome<std::vector<std::string>> expand_paths(const std::vector<std::string>& given,
                                               const FileLimits& limits) {
  std::vector<std::string> out;
  for (const auto& name : given) {
    std::error_code failed;
    if (name == "-" || !fs::is_directory(name, failed)) {
      out.push_back(name);
    } else {
      Walk walk(limits);
      if (auto entered = walk.enter(name, 1); !entered) return std::unexpected(entered.error());
      if (walk.found.empty()) return fault(fmt::format("{} holds no .yaml, .yml or .json file", name));
      std::ranges::sort(walk.found);
      out.insert(out.end(), walk.found.begin(), walk.found.end());
    }
    if (out.size() > limits.files)
      return fault(fmt::format("more than {} files", limits.files), "run it once per part");
  }
  return out;
}

Outcome<std::string> content_of(const std::string& name, std::istream& standard_input, std::size_t limit) {
  if (name == "-") return read_up_to(standard_input, limit);
  errno = 0;
  std::ifstream file(name, std::ios::binary);
  if (!file) return fault_errno(fmt::format("open {}", name), errno, "is the path right?");
  errno = 0;
  auto content = read_up_to(file, limit);
  if (file.bad()) return fault_errno(fmt::format("read {}", name), errno == 0 ? EIO : errno);
  return content;
}

}  // namespace sluice::ctl
