#include "resources/directory_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace sluice::agent {

Outcome<DirectoryWatch> DirectoryWatch::open(std::string directory) {
  Fd inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify)
    return fault_errno("cannot make an inotify descriptor", errno, "raise fs.inotify.max_user_instances");
  DirectoryWatch watch(std::move(inotify), std::move(directory));
  watch.attach();
  return watch;
}

bool DirectoryWatch::attach() {
  constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE |
                                    IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
  // Adding the same inode again returns the same watch, a new inode at the path gives a new one.
  watch_ = ::inotify_add_watch(inotify_.get(), directory_.c_str(), kEvents);
  return watch_ >= 0;
}

bool DirectoryWatch::drain() {
  alignas(inotify_event) std::array<char, 4096> buffer{};
  bool news = false;
  while (::read(inotify_.get(), buffer.data(), buffer.size()) > 0) news = true;
  if (news) attach();
  return news;
}

}  // namespace sluice::agent
