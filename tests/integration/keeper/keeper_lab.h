// A real keeper process whose children are puppets of the test (keeper_stub.cpp). Everything is by pid and
// anonymous namespace, so nothing is left behind: the children die with the keeper, the keeper with the lab.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/message.h"

namespace sluice::keeper::lab {

// A child that has reported: its end of the channel to the keeper, and a line to end it.
struct Puppet {
  std::string words;  // "agent ARGS" or "proxy ARGS"
  pid_t pid = -1;
  uid_t uid = 0;
  Fd channel;
  Fd flight;
  Fd control;

  // The next packet of this type, others are skipped; fails the test when none comes within 10 s.
  message::Packet expect(message::Type type);
  void end_with(int code) const;
};

// What systemd gives a service: a socket for its notifications, and the descriptors it has stored for it.
struct ServiceManager {
  std::string notify_socket;
  std::vector<std::pair<std::string, int>> stored;  // name, descriptor of the test's own
};

class KeeperLab {
 public:
  // Starts the keeper with these arguments behind `--proxy STUB`.
  explicit KeeperLab(std::vector<std::string> arguments = {}, const ServiceManager& manager = {});
  ~KeeperLab();

  Puppet next_child();  // the next one that reports
  pid_t pid() const { return pid_; }
  int wait_for_exit();  // wait status
  void kill(int signal) const;

 private:
  Fd reports_;
  pid_t pid_ = -1;
};

// Waits until `holds`, 10 s at most; the result of the last call.
bool eventually(const std::function<bool()>& holds);

Fd make_netns();                                                  // fresh, lo up
void inside(const Fd& netns, const std::function<void()>& work);  // on a thread of its own
std::string status_field(pid_t pid, const std::string& field);    // of /proc/PID/status
ino_t inode_of(const Fd& fd);
int option(const Fd& socket, int level, int name);

}  // namespace sluice::keeper::lab
