// The agent's ends of the links to the proxies: the one that serves and, around an upgrade, its successor and
// those that are leaving. Three sections (credentials, table, settings), each sent whole to every proxy when
// it changes and again to every new one. The answers are kept for status; a refusal leaves that proxy's last
// good version in force. The proxy is the less trusted side: what it says is only shown, never acted on.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <vector>

#include "app/loop.h"
#include "base/clock.h"
#include "base/health_event.h"
#include "base/log.h"
#include "base/message.h"

namespace sluice::agent {

class ProxyLink {
 public:
  // A section as one proxy has it.
  struct Answer {
    std::uint64_t accepted = 0;  // version this proxy has in force
    bool answered = true;        // the proxy has judged the newest version
    bool sent = false;
    std::string refusal;  // its text for the newest version; empty when accepted
  };
  struct Section : Answer {
    std::uint64_t version = 0;  // 0: nothing to send yet
  };

  // `on_change`: a verdict came, a proxy got ready, a link went away, or another proxy serves. `on_health`: a
  // health check of any proxy has something for a file.
  ProxyLink(Loop& loop, Log& log, const Clock& clock, std::function<void()> on_change,
            std::function<void(const message::HealthEvent&)> on_health);
  ~ProxyLink();
  ProxyLink(const ProxyLink&) = delete;
  ProxyLink& operator=(const ProxyLink&) = delete;

  // A new proxy process: it gets every section.
  void attach(Fd link, std::int32_t proxy_pid);
  // Whose answers count from here on; 0: nobody's.
  void set_serving(std::int32_t proxy_pid);
  // Sends the section if its bytes changed; returns its version.
  std::uint64_t set(message::SectionKind kind, std::vector<std::byte> bytes);
  void set_log_level(LogLevel level);

  // As the proxy that serves has it.
  Section section(message::SectionKind kind) const;
  bool connected() const { return serving_peer() != nullptr; }
  bool proxy_ready() const { return connected() && serving_peer()->ready; }

 private:
  struct Peer {
    Fd link;
    std::int32_t pid = 0;
    Loop::Watch watch{};
    bool ready = false;
    std::array<Answer, 3> answers{};
  };
  struct Content {
    std::vector<std::byte> bytes;
    std::uint64_t version = 0;
  };
  using Peers = std::list<Peer>;

  const Peer* serving_peer() const;
  void receive(Peers::iterator peer);
  void take_verdict(Peers::iterator peer, const message::SectionVerdict& verdict);
  void send_pending();
  bool send(Peer& peer, message::SectionKind kind);
  void drop(Peers::iterator peer, const std::string& why);

  Loop& loop_;
  Log& log_;
  const Clock& clock_;
  std::function<void()> on_change_;
  std::function<void(const message::HealthEvent&)> on_health_;
  Peers peers_;
  std::int32_t serving_ = 0;
  bool retrying_ = false;
  std::uint64_t last_version_ = 0;
  std::array<Content, 3> contents_;
};

}  // namespace sluice::agent
