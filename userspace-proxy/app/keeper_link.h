// The channel to the keeper (descriptor 3): listeners, sockets, the heartbeat map, links to the agent, drain.
#pragma once

#include <functional>

#include "app/proxy.h"
#include "base/fd.h"
#include "base/message.h"

namespace sluice::app {

class KeeperLink {
 public:
  // What the keeper says that is not for the workers.
  struct Handlers {
    std::function<void(Fd link)> agent_link;  // the agent is (re)started: talk to it here
    std::function<void(Nanos grace, bool taken_over)> drain;
  };

  explicit KeeperLink(Fd channel) : channel_(std::move(channel)) {}
  int descriptor() const { return channel_.get(); }

  // Asks for sockets without blocking. Any thread: a packet is sent whole or not at all.
  bool ask(std::size_t worker, const message::MakeSockets& request) const;
  // Tells that this proxy can take over. Any thread; a keeper that does not hear it goes on with the earlier
  // one.
  void tell_serving() const;
  // Receives one packet and acts on it. A fault: the keeper is gone or speaks another language; give up.
  Outcome<> receive(Proxy& proxy, Log& log, const Handlers& handlers);

 private:
  Fd channel_;
};

}  // namespace sluice::app
