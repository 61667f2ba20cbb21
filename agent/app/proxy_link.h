// The agent's end of the link to the proxy: three sections (credentials, table, settings), each sent whole
// when it changes and again to every new proxy. The proxy's answers are kept for status; a refusal leaves its
// last good version in force. The proxy is the less trusted side: what it says is only shown, never acted on.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/loop.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/message.h"

namespace sluice::agent {

class ProxyLink {
 public:
  struct Section {
    std::vector<std::byte> bytes;
    std::uint64_t version = 0;   // 0: nothing to send yet
    std::uint64_t accepted = 0;  // version this proxy has in force
    bool answered = true;        // the proxy has judged `version`
    bool sent = false;
    std::string refusal;  // its text for the newest version; empty when accepted
  };

  // `on_change`: a verdict came, the proxy got ready or the link went away.
  ProxyLink(Loop& loop, Log& log, const Clock& clock, std::function<void()> on_change);
  ~ProxyLink();
  ProxyLink(const ProxyLink&) = delete;
  ProxyLink& operator=(const ProxyLink&) = delete;

  // A new proxy process: forgets what the old one had and sends every section.
  void attach(Fd link);
  // Sends the section if its bytes changed; returns its version.
  std::uint64_t set(message::SectionKind kind, std::vector<std::byte> bytes);
  void set_log_level(LogLevel level);

  const Section& section(message::SectionKind kind) const {
    return sections_[static_cast<std::size_t>(kind)];
  }
  bool connected() const { return link_.valid(); }
  bool proxy_ready() const { return proxy_ready_; }

 private:
  void receive();
  void take_verdict(const message::SectionVerdict& verdict);
  void send_pending();
  void drop(const std::string& why);

  Loop& loop_;
  Log& log_;
  const Clock& clock_;
  std::function<void()> on_change_;
  Fd link_;
  Loop::Watch watch_{};
  bool proxy_ready_ = false;
  bool retrying_ = false;
  std::uint64_t last_version_ = 0;
  std::array<Section, 3> sections_;
};

}  // namespace sluice::agent
