#include "identity/ca_directory.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/fd.h"
#include "identity/certificate_builder.h"
#include "x509/pem.h"

namespace sluice::identity {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKeyFileMax = 64u << 10;
constexpr std::string_view kNewPrefix = ".new-";
constexpr auto kCaLifetime = std::chrono::hours(24) * 3650;
constexpr auto kClockSkew = std::chrono::minutes(5);

Outcome<std::string> read_all(int fd, const fs::path& path, std::size_t max) {
  std::string out;
  char buffer[16384];
  for (;;) {
    const auto size = ::read(fd, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fault_errno("cannot read " + path.string(), errno);
    if (size == 0) return out;
    out.append(buffer, static_cast<std::size_t>(size));
    if (out.size() > max) return fault(path.string() + " is larger than " + std::to_string(max) + " bytes");
  }
}

Outcome<Fd> open_for_reading(const fs::path& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return fault_errno("cannot open " + path.string(), errno, "check that the file exists and its mode");
  return fd;
}

Outcome<void> write_all(int fd, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const auto size = ::write(fd, content.data(), content.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fault_errno("cannot write " + path.string(), errno, "is the disk full?");
    content.remove_prefix(static_cast<std::size_t>(size));
  }
  if (::fsync(fd) != 0) return fault_errno("cannot write " + path.string(), errno, "is the disk full?");
  return {};
}

Outcome<void> sync_directory(const fs::path& directory) {
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fault_errno("cannot sync " + directory.string(), errno);
  return {};
}

// Puts a new file in place, whole or not at all, and never over an old one: a file that is there already
// wins.
Outcome<void> publish(const fs::path& path, std::string_view content, mode_t mode) {
  std::string temporary = path.parent_path() / (std::string(kNewPrefix) + "XXXXXX");
  const Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));  // mode 0600 until it is complete
  if (!fd) return fault_errno("cannot create a file in " + path.parent_path().string(), errno);
  auto written = write_all(fd.get(), content, path);
  if (written && ::fchmod(fd.get(), mode) != 0)
    written = fault_errno("cannot set the mode of " + path.string(), errno);
  if (written && ::link(temporary.c_str(), path.c_str()) != 0 && errno != EEXIST)
    written = fault_errno("cannot create " + path.string(), errno);
  ::unlink(temporary.c_str());
  if (!written) return written;
  return sync_directory(path.parent_path());
}

// Left by a crash half-way. Only under the lock.
void remove_leftovers(const fs::path& directory) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored))
    if (entry.path().filename().string().starts_with(kNewPrefix)) ::unlink(entry.path().c_str());
}

Outcome<Fd> lock_directory(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return fault("cannot create " + directory.string() + ": " + error.message());
  const auto path = directory / "ca.lock";
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd)
    return fault_errno("cannot open " + path.string(), errno, "the CA directory must be writable once");
  while (::flock(fd.get(), LOCK_EX) != 0)
    if (errno != EINTR) return fault_errno("cannot lock " + path.string(), errno);
  return fd;
}

Outcome<void> make_key_file(const fs::path& path) {
  const auto key = make_key();
  if (!key) return std::unexpected(key.error());
  const auto pem = x509::write_key(**key);
  return pem ? publish(path, *pem, 0600) : std::unexpected(pem.error());
}

// From the key that is on disk, which may be another node's.
Outcome<void> make_certificate_file(const fs::path& directory, const std::string& trust_domain,
                                    const Clock& clock) {
  const auto text = read_key_file(directory / "ca.key", 077);
  if (!text) return std::unexpected(text.error());
  const auto key = x509::parse_key(*text, (directory / "ca.key").string());
  if (!key) return std::unexpected(key.error());
  const auto now = clock.wall();
  const auto cert = make_ca_certificate(**key, trust_domain, {now - kClockSkew, now + kCaLifetime});
  if (!cert) return std::unexpected(cert.error());
  const auto pem = x509::write_certificate(**cert);
  return pem ? publish(directory / "ca.crt", *pem, 0644) : std::unexpected(pem.error());
}

}  // namespace

Outcome<std::string> read_file(const fs::path& path, std::size_t max) {
  const auto fd = open_for_reading(path);
  if (!fd) return std::unexpected(fd.error());
  return read_all(fd->get(), path, max);
}

Outcome<std::string> read_key_file(const fs::path& path, unsigned forbidden_mode) {
  const auto fd = open_for_reading(path);
  if (!fd) return std::unexpected(fd.error());
  struct stat info{};
  if (::fstat(fd->get(), &info) != 0) return fault_errno("cannot look at " + path.string(), errno);
  if ((info.st_mode & forbidden_mode) != 0)
    return fault("the private key " + path.string() + " can be read by others", "chmod 600 " + path.string());
  return read_all(fd->get(), path, kKeyFileMax);
}

Outcome<void> ensure_ca(const fs::path& directory, const std::string& trust_domain, const Clock& clock) {
  const auto key = directory / "ca.key";
  const auto certificate = directory / "ca.crt";
  std::error_code ignored;
  if (fs::exists(key, ignored) && fs::exists(certificate, ignored))
    return {};  // works on a read-only directory too
  const auto lock = lock_directory(directory);
  if (!lock) return std::unexpected(lock.error());
  remove_leftovers(directory);
  if (!fs::exists(key, ignored)) {
    if (fs::exists(certificate, ignored))
      return fault(certificate.string() + " is there but its key " + key.string() + " is missing",
                   "put the key back, or rename the certificate to ca-old.crt to let a new CA be made");
    if (auto made = make_key_file(key); !made) return made;
  }
  if (fs::exists(certificate, ignored)) return {};
  return make_certificate_file(directory, trust_domain, clock);
}

Outcome<std::vector<fs::path>> further_certificates(const fs::path& directory) {
  std::vector<fs::path> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with("ca") && name.ends_with(".crt") && name != "ca.crt") out.push_back(entry.path());
  }
  if (error) return fault("cannot list " + directory.string() + ": " + error.message());
  std::ranges::sort(out);
  return out;
}

std::string fingerprint(const fs::path& directory) {
  std::vector<std::string> lines;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    const auto name = entry.path().filename().string();
    struct stat info{};
    if (!name.starts_with("ca") || name == "ca.lock" || ::stat(entry.path().c_str(), &info) != 0) continue;
    lines.push_back(fmt::format("{} {} {} {}.{}\n", name, info.st_ino, info.st_size, info.st_mtim.tv_sec,
                                info.st_mtim.tv_nsec));
  }
  std::ranges::sort(lines);
  std::string out;
  for (const auto& line : lines) out += line;
  return out;
}

}  // namespace sluice::identity
