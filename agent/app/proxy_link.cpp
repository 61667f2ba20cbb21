#include "app/proxy_link.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace sluice::agent {
namespace {

constexpr auto kRetry = Millis(50);
// Certificates before the table: a workload that the table enrols can authenticate at once.
constexpr std::array kSendOrder = {message::SectionKind::settings, message::SectionKind::credentials,
                                   message::SectionKind::table};
constexpr std::array<std::string_view, 3> kNames = {"table", "credentials", "settings"};

std::string printable(const std::array<char, 256>& text) {
  std::string out(text.begin(), std::find(text.begin(), text.end(), '\0'));
  std::ranges::replace_if(out, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return out;
}

}  // namespace

ProxyLink::ProxyLink(Loop& loop, Log& log, const Clock& clock, std::function<void()> on_change)
    : loop_(loop), log_(log), clock_(clock), on_change_(std::move(on_change)) {}

ProxyLink::~ProxyLink() {
  if (link_) loop_.unwatch(watch_);
}

void ProxyLink::attach(Fd link) {
  if (link_) loop_.unwatch(watch_);
  link_ = std::move(link);
  proxy_ready_ = false;
  for (auto& section : sections_) {
    section.accepted = 0;
    section.sent = false;
    section.answered = section.version == 0;
    section.refusal.clear();
  }
  const int flags = ::fcntl(link_.get(), F_GETFL);
  ::fcntl(link_.get(), F_SETFL, flags | O_NONBLOCK);
  watch_ = loop_.watch_readable(link_.get(), [this] { receive(); });
  send_pending();
}

std::uint64_t ProxyLink::set(message::SectionKind kind, std::vector<std::byte> bytes) {
  auto& section = sections_[static_cast<std::size_t>(kind)];
  if (section.version != 0 && section.bytes == bytes) return section.version;
  // Versions rise across restarts of the agent too, since a live proxy keeps the newest one it has.
  const auto wall = static_cast<std::uint64_t>(clock_.wall().time_since_epoch().count());
  last_version_ = std::max(last_version_ + 1, wall);
  section.bytes = std::move(bytes);
  section.version = last_version_;
  section.sent = false;
  section.answered = false;
  section.refusal.clear();
  send_pending();
  return section.version;
}

void ProxyLink::send_pending() {
  for (const auto kind : kSendOrder) {
    auto& section = sections_[static_cast<std::size_t>(kind)];
    if (!link_ || section.sent || section.version == 0) continue;
    auto memory = message::sealed_memfd("sluice-section", section.bytes);
    Outcome<> sent = {};
    if (memory) {
      const message::Section body{kind, 0, section.version, section.bytes.size()};
      const int fd = memory->get();
      sent = message::send_body(link_.get(), message::Type::section, 0, body, std::span(&fd, 1));
    } else {
      sent = std::unexpected(memory.error());
    }
    section.sent = sent.has_value();
    if (section.sent || retrying_) continue;
    // The proxy is busy or has just ended: try again until the keeper brings a new link.
    retrying_ = true;
    loop_.after(kRetry, [this] {
      retrying_ = false;
      send_pending();
    });
  }
}

void ProxyLink::receive() {
  auto packet = message::receive(link_.get());
  if (!packet) return drop(packet.error().message);
  switch (packet->header.type) {
    case message::Type::proxy_ready:
      proxy_ready_ = true;
      log_.info("proxy is ready");
      break;
    case message::Type::section_verdict: {
      auto verdict = message::body_of<message::SectionVerdict>(*packet, 0, 0);
      if (!verdict) return drop(verdict.error().message);
      take_verdict(*verdict);
      break;
    }
    default:
      return drop("unexpected message from the proxy");
  }
  on_change_();
}

void ProxyLink::take_verdict(const message::SectionVerdict& verdict) {
  const auto index = static_cast<std::size_t>(verdict.kind);
  if (index >= sections_.size()) return drop("verdict on an unknown section");
  auto& section = sections_[index];
  if (verdict.version != section.version) return;  // about one that is outdated by now
  section.answered = true;
  if (verdict.accepted != 0) {
    section.accepted = verdict.version;
    section.refusal.clear();
    return;
  }
  section.refusal = printable(verdict.reason);
  log_.error("the proxy refused the new {}: {}; it keeps the last good one", kNames[index], section.refusal);
}

void ProxyLink::drop(const std::string& why) {
  log_.debug("link to the proxy ended: {}", why);
  loop_.unwatch(watch_);
  link_.reset();
  proxy_ready_ = false;
  for (auto& section : sections_) section.accepted = 0;
  on_change_();
}

void ProxyLink::set_log_level(LogLevel level) {
  if (!link_) return;
  const message::LogLevelChange body{static_cast<std::uint32_t>(level)};
  if (auto sent = message::send_body(link_.get(), message::Type::log_level, 0, body); !sent)
    log_.warn("cannot tell the proxy its log level: {}", sent.error().message);
}

}  // namespace sluice::agent
