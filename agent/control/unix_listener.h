// The control socket in the file system: made with its mode and group before anybody can connect, refused
// when another instance answers on it, taken over when its owner is dead, removed only while it is still
// ours.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace sluice::control {

class UnixListener {
 public:
  // Makes missing parent directories (0755), binds, sets root:group 0660 (0600 without a group) and listens.
  static Outcome<UnixListener> open(const std::string& path, std::optional<gid_t> group);
  UnixListener(UnixListener&&) noexcept = default;
  UnixListener& operator=(UnixListener&&) = delete;
  ~UnixListener();

  int fd() const { return fd_.get(); }

 private:
  UnixListener(Fd fd, std::string path, dev_t device, ino_t inode)
      : fd_(std::move(fd)), path_(std::move(path)), device_(device), inode_(inode) {}
  Fd fd_;
  std::string path_;
  dev_t device_;
  ino_t inode_;
};

// The id of a group by its name; nothing when this machine has no such group.
std::optional<gid_t> group_id(const std::string& name);

}  // namespace sluice::control
