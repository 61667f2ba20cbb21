// Real network namespaces, veth pairs and cgroups for privileged tests. Namespaces have no name: they end
// with their last descriptor, so even a test that dies leaves nothing. Cgroups are removed by the destructor.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "base/fd.h"

namespace sluice::test {

// Runs a shell command in the calling thread's namespace; a failure fails the test.
inline void shell(const std::string& command) {
  ASSERT_EQ(0, std::system(command.c_str())) << command;
}

class Netns {
 public:
  // A fresh namespace with lo up. The calling thread stays where it is.
  Netns() {
    std::thread maker([&] {
      if (::unshare(CLONE_NEWNET) != 0) return;
      fd_ = Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
      shell("ip link set lo up");
    });
    maker.join();
    EXPECT_TRUE(fd_.valid()) << "unshare(CLONE_NEWNET) needs root";
  }

  int fd() const { return fd_.get(); }
  // A path that `ip` and `nsenter --net=` accept while this object lives.
  std::string path() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get());
  }
  void close() { fd_.reset(); }

  // Runs `function` with the calling thread inside.
  template <typename Function>
  auto in(Function function) const {
    const Home home;
    EXPECT_EQ(0, ::setns(fd_.get(), CLONE_NEWNET));
    return function();
  }

  void shell_in(const std::string& command) const {
    in([&] { shell(command); });
  }

 private:
  struct Home {
    Fd fd{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
    ~Home() {
      if (::setns(fd.get(), CLONE_NEWNET) != 0) std::abort();
    }
  };
  Fd fd_;
};

// A veth from the calling thread's namespace (host_name) to eth0 of `inside`; both ends up, without
// addresses.
inline void make_veth(const std::string& host_name, const Netns& inside) {
  shell("ip link add " + host_name + " type veth peer name eth0 netns " + inside.path());
  shell("ip link set " + host_name + " up");
  inside.shell_in("ip link set eth0 up");
}

class Cgroup {
 public:
  explicit Cgroup(std::string path) : path_(std::move(path)) {
    EXPECT_EQ(0, ::mkdir(path_.c_str(), 0755)) << path_;
    fd_ = Fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Cgroup() {
    fd_.reset();
    ::rmdir(path_.c_str());
  }
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }
  void enter(pid_t pid = ::getpid()) const { join(path_, pid); }

  // Moves a whole process.
  static void join(const std::string& path, pid_t pid) {
    std::ofstream procs(path + "/cgroup.procs");
    procs << pid << std::flush;
    EXPECT_TRUE(procs.good()) << "join " << path;
  }
  // The cgroup2 path of this process, below `root`.
  static std::string current(const std::string& root) {
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);)
      if (line.starts_with("0::")) return root + line.substr(3);
    return root;
  }

 private:
  std::string path_;
  Fd fd_;
};

}  // namespace sluice::test
