#include "resources/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include "base/fd.h"

namespace sluice::agent {
namespace {

std::string next_step(int sys_errno) {
  if (sys_errno == ENOSPC || sys_errno == EDQUOT) return "free disk space and try again; nothing was changed";
  if (sys_errno == EROFS) return "the file system is read-only; point paths.state_dir elsewhere";
  return {};
}

std::string directory_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

Outcome<> write_all(int fd, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fault_errno("cannot write " + path, errno, next_step(errno));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

enum class Sync : bool { no, yes };

Outcome<> write_file(const FileText& file, Sync sync) {
  const Fd fd(::open(file.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fault_errno("cannot create " + file.path, errno, next_step(errno));
  if (auto written = write_all(fd.get(), file.path, file.text); !written) return written;
  if (sync == Sync::yes && ::fsync(fd.get()) != 0)
    return fault_errno("cannot sync " + file.path, errno, next_step(errno));
  return {};
}

std::string beside(const FileText& file) {
  return file.path + ".new";
}

Outcome<> write_beside(const FileText& file) {
  return write_new_file({beside(file), file.text});
}

Outcome<> put_in_place(const FileText& file) {
  if (::rename(beside(file).c_str(), file.path.c_str()) != 0)
    return fault_errno("cannot replace " + file.path, errno, next_step(errno));
  return {};
}

}  // namespace

Outcome<> sync_path(const std::string& directory) {
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fault_errno("cannot sync " + directory, errno, next_step(errno));
  return {};
}

Outcome<> sync_parent(const std::string& path) {
  return sync_path(directory_of(path));
}

Outcome<> write_new_file(const FileText& file) {
  return write_file(file, Sync::yes);
}

Outcome<> write_whole(const FileText& file) {
  auto done = write_file({beside(file), file.text}, Sync::no);
  if (done) done = put_in_place(file);
  if (!done) ::unlink(beside(file).c_str());
  return done;
}

Outcome<> write_durably(const std::vector<FileText>& files) {
  Outcome<> done;
  for (const auto& file : files)
    if (done) done = write_beside(file);
  for (const auto& file : files)
    if (done) done = put_in_place(file);
  if (!done) {
    for (const auto& file : files) ::unlink(beside(file).c_str());
    return done;
  }
  for (const auto& file : files)
    if (done) done = sync_parent(file.path);
  return done;
}

Outcome<> remove_durably(const std::string& path) {
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return fault_errno("cannot remove " + path, errno);
  }
  return sync_parent(path);
}

Outcome<std::string> read_bounded(const std::string& path, std::size_t max_bytes) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return fault_errno("cannot open " + path, errno);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return fault_errno("cannot read " + path, errno);
  if (!S_ISREG(info.st_mode)) return fault(path + " is not a regular file");
  std::string text(max_bytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(file.get(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fault_errno("cannot read " + path, errno);
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size > max_bytes)
    return fault(fmt::format("{} is larger than {} KiB", path, max_bytes / 1024),
                 "raise limits.document_kib");
  text.resize(size);
  return text;
}

std::string flat_name(const std::string& text) {
  std::string out;
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    hash = (hash ^ byte) * 0x100000001b3ULL;
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || (c == '.' && !out.empty());
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02x}", byte);
  }
  if (out.size() > 200) out = fmt::format("{}-{:016x}", out.substr(0, 180), hash);
  return out;
}

Outcome<> make_directory(const std::string& path, unsigned mode) {
  std::string made;
  for (const auto& part : std::filesystem::path(path)) {
    made = (std::filesystem::path(made) / part).string();
    if (::mkdir(made.c_str(), static_cast<mode_t>(mode)) != 0 && errno != EEXIST)
      return fault_errno("cannot make directory " + made, errno, next_step(errno));
  }
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return fault_errno("cannot use directory " + path, errno);
  if (!S_ISDIR(info.st_mode)) return fault(path + " is not a directory");
  return {};
}

}  // namespace sluice::agent
