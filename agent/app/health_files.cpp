#include "app/health_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/fd.h"
#include "control/json.h"
#include "resources/durable_file.h"

namespace sluice::agent {
namespace {

namespace fs = std::filesystem;
using message::HealthEvent;

constexpr std::string_view kOlder = ".1";  // ends the name of a file's older part

// Below `directory`, whatever the path says of parents.
std::string file_below(const std::string& directory, const std::string& path) {
  const auto inside = fs::path("/" + path).lexically_normal().relative_path();
  return inside.has_filename() ? (fs::path(directory) / inside).string() : std::string();
}

std::string next_step(int sys_errno, const std::string& directory) {
  if (sys_errno == ENOSPC || sys_errno == EDQUOT) return "free space in " + directory;
  return "see that " + directory + " can be written, or choose another paths.health_events";
}

}  // namespace

void HealthFiles::take(const HealthEvent& event, std::span<const policy::ClusterImage> clusters) {
  const auto names_it = [path = message::text_of(event.path)](const policy::ClusterImage& cluster) {
    return cluster.health.event_log == path;
  };
  if (event.path[0] == '\0' || std::ranges::none_of(clusters, names_it)) {
    ++refused_;  // of a policy that has just been changed, or the proxy is not what it should be
    return;
  }
  if (directory_.empty()) return;
  auto done = write(event);
  if (done) {
    ++written_;
    problem_.reset();
    return;
  }
  ++refused_;
  if (!problem_ || problem_->message != done.error().message)
    log_.warn("{}; {}", done.error().message, done.error().next_step);
  problem_ = std::move(done.error());
}

Outcome<> HealthFiles::write(const HealthEvent& event) {
  const std::string path = message::text_of(event.path);
  const auto json = control::to_json(event);
  if (json.is_null())
    return fault("an event of a health check is malformed", "see that agent and proxy are of one version");
  const std::string file = file_below(directory_, path);
  if (file.empty()) return fault(fmt::format("eventLogPath {} names no file", path), "name a file in it");
  if (file.ends_with(kOlder))
    return fault(fmt::format("eventLogPath {} ends like the older part of a file", path),
                 "name it otherwise");
  if (!room_for(file))
    return fault(fmt::format("events of health checks would go to more than {} files", kFilesMax),
                 "let MeshHealthChecks share their eventLogPath, or remove files from " + directory_);
  return append(file, json.dump(-1, ' ', true, control::Json::error_handler_t::replace) + '\n');
}

// By what lies there, so that it holds over restarts, and who removes a file makes room.
bool HealthFiles::room_for(const std::string& file) const {
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(file, ignored))) return true;
  std::size_t files = 0;
  // Not by a range: somebody may be removing what lies there, and that would throw.
  for (fs::recursive_directory_iterator at(directory_, ignored), end; at != end; at.increment(ignored))
    if (!at->is_directory(ignored) && !at->path().native().ends_with(kOlder)) ++files;
  return files < kFilesMax;
}

Outcome<> HealthFiles::append(const std::string& file, const std::string& line) {
  const auto failed = [&](const char* what) {
    const int code = errno;
    return fault_errno(fmt::format("{} {}", what, file), code, next_step(code, directory_));
  };
  if (auto made = make_directory(fs::path(file).parent_path().string(), 0700); !made) return made;
  const auto open = [&file] {
    return Fd(
        ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  };
  Fd out = open();
  struct stat now{};
  if (!out || ::fstat(out.get(), &now) != 0) return failed("cannot open");
  if (!S_ISREG(now.st_mode)) return fault(file + " is no regular file", "remove it");
  if (static_cast<std::uint64_t>(now.st_size) + line.size() > kBytesMax) {
    if (::rename(file.c_str(), (file + std::string(kOlder)).c_str()) != 0) return failed("cannot rename");
    out = open();
    if (!out) return failed("cannot open");
  }
  const ssize_t wrote = ::write(out.get(), line.data(), line.size());
  if (wrote < 0) return failed("cannot write");
  if (static_cast<std::size_t>(wrote) != line.size()) {
    errno = ENOSPC;
    return failed("cannot write all of a line to");
  }
  return {};
}

}  // namespace sluice::agent
