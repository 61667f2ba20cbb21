#include "resources/file_batch.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace sluice::agent {
namespace {

namespace fs = std::filesystem;

std::string unfinished(const std::string& directory) {
  return directory + "/.batch.new";
}
std::string committed(const std::string& directory) {
  return directory + "/.batch";
}

Outcome<> write_all_new(const std::string& into, const std::vector<FileText>& files) {
  if (::mkdir(into.c_str(), 0700) != 0) return fault_errno("cannot make directory " + into, errno);
  for (const auto& file : files)
    if (auto written = write_new_file({into + "/" + file.path, file.text}); !written) return written;
  return sync_path(into);
}

Outcome<> remove_tree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return fault("cannot remove " + path + ": " + error.message());
  return {};
}

}  // namespace

Outcome<> commit_batch(const std::string& directory, const std::vector<FileText>& files) {
  if (auto finished = finish_batch(directory); !finished) return finished;
  const auto fresh = unfinished(directory);
  const auto whole = committed(directory);
  if (auto removed = remove_tree(fresh); !removed) return removed;
  auto done = write_all_new(fresh, files);
  if (done && ::rename(fresh.c_str(), whole.c_str()) != 0)
    done = fault_errno("cannot rename " + fresh, errno);
  if (done) {
    done = sync_path(directory);
    if (!done && ::rename(whole.c_str(), fresh.c_str()) != 0)
      return {};  // it counts, and cannot be taken back
  }
  if (!done) (void)remove_tree(fresh);  // else the next batch does it
  return done;
}

Outcome<> finish_batch(const std::string& directory) {
  const auto whole = committed(directory);
  std::error_code error;
  if (!fs::exists(whole, error) && !error) return {};
  std::vector<std::string> names;  // first all, since the directory changes as they are moved
  fs::directory_iterator entries(whole, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error))
    names.push_back(entries->path().filename().string());
  if (error) return fault("cannot read " + whole + ": " + error.message());
  for (const auto& name : names) {
    const auto from = whole + "/" + name;
    const auto to = directory + "/" + name;
    if (::rename(from.c_str(), to.c_str()) != 0) return fault_errno("cannot replace " + to, errno);
  }
  if (auto synced = sync_path(directory); !synced) return synced;
  if (::rmdir(whole.c_str()) != 0) return fault_errno("cannot remove " + whole, errno);
  return sync_path(directory);
}

}  // namespace sluice::agent
