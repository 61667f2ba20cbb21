// The link to the agent: sections of the snapshot come in, each is answered by a verdict. The agent may end
// and come back at any time; what was accepted last stays in force.
#pragma once

#include <array>
#include <cstdint>

#include "app/proxy.h"
#include "base/fd.h"
#include "base/message.h"

namespace sluice::app {

class AgentLink {
 public:
  AgentLink(Proxy& proxy, Log& log) : proxy_(proxy), log_(log) {}
  // -1 while there is no agent.
  int descriptor() const { return link_.get(); }

  // A new agent: the old link ends. Tells it that the proxy is ready.
  void attach(Fd link);
  // Receives one packet and acts on it; drops the link on anything that does not fit.
  void receive();
  // The oldest event of a health check, when there is one. The link must be writable.
  void send_event();

 private:
  Outcome<> take(message::Packet& packet);
  Outcome<> take_section(const message::Section& section, const Fd& memory);
  Outcome<> take_bytes(message::SectionKind kind, std::span<const std::byte> bytes);
  void drop(const Fault& why);

  Proxy& proxy_;
  Log& log_;
  Fd link_;
  std::array<std::uint64_t, 3> accepted_{};  // version by SectionKind
};

}  // namespace sluice::app
