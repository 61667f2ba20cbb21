// The agent's end of the channel to the keeper: asks for listeners and for the proxy, hears of links and
// children. When the channel ends the keeper is gone, and so is the agent's reason to live: `on_end`.
#pragma once

#include <cstdint>
#include <functional>

#include "app/loop.h"
#include "base/log.h"
#include "base/message.h"
#include "base/workload.h"
#include "enrol/listeners.h"

namespace sluice::agent {

class KeeperChannel final : public ListenerSource {
 public:
  struct Events {
    // Listeners, or the errno that kept the keeper from making them.
    std::function<void(WorkloadId, Outcome<Listeners>)> workload_ready;
    std::function<void(Fd link, std::int32_t proxy_pid)> proxy_link;
    std::function<void(const message::ChildState&)> proxy_state;
    std::function<void()> end;
  };

  // Takes over the channel.
  KeeperChannel(Loop& loop, Log& log, Fd channel, Events events);
  ~KeeperChannel() override;
  KeeperChannel(const KeeperChannel&) = delete;
  KeeperChannel& operator=(const KeeperChannel&) = delete;

  // proxy_executable < 0: the keeper's own choice.
  Outcome<> start_proxy(const message::ProxySettings& settings, int heartbeat_map, int proxy_executable);
  Outcome<> add_workload(WorkloadId workload, int netns) override;
  Outcome<> remove_workload(WorkloadId workload) override;
  Outcome<> shutdown();
  // Asks it to take over the installed binaries; what comes of it is told by proxy_state.
  Outcome<> upgrade();

 private:
  void receive();
  void take_ready(message::Packet& packet);

  Loop& loop_;
  Log& log_;
  Fd channel_;
  Events events_;
  Loop::Watch watch_{};
};

}  // namespace sluice::agent
