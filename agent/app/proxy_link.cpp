#include "app/proxy_link.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

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

ProxyLink::ProxyLink(Loop& loop, Log& log, const Clock& clock, std::function<void()> on_change,
                     std::function<void(const message::HealthEvent&)> on_health)
    : loop_(loop),
      log_(log),
      clock_(clock),
      on_change_(std::move(on_change)),
      on_health_(std::move(on_health)) {}

ProxyLink::~ProxyLink() {
  for (const Peer& peer : peers_) loop_.unwatch(peer.watch);
}

void ProxyLink::attach(Fd link, std::int32_t proxy_pid) {
  const auto peer = peers_.emplace(peers_.end());
  peer->link = std::move(link);
  peer->pid = proxy_pid;
  for (std::size_t i = 0; i < contents_.size(); ++i) peer->answers[i].answered = contents_[i].version == 0;
  const int flags = ::fcntl(peer->link.get(), F_GETFL);
  ::fcntl(peer->link.get(), F_SETFL, flags | O_NONBLOCK);
  peer->watch = loop_.watch_readable(peer->link.get(), [this, peer] { receive(peer); });
  send_pending();
}

void ProxyLink::set_serving(std::int32_t proxy_pid) {
  if (std::exchange(serving_, proxy_pid) != proxy_pid) on_change_();
}

const ProxyLink::Peer* ProxyLink::serving_peer() const {
  // The newest, should a number have come back.
  const auto found = std::find_if(peers_.rbegin(), peers_.rend(),
                                  [this](const Peer& peer) { return peer.pid == serving_ && serving_ != 0; });
  return found == peers_.rend() ? nullptr : &*found;
}

ProxyLink::Section ProxyLink::section(message::SectionKind kind) const {
  const auto index = static_cast<std::size_t>(kind);
  Section out;
  if (const Peer* peer = serving_peer()) static_cast<Answer&>(out) = peer->answers[index];
  out.version = contents_[index].version;
  return out;
}

std::uint64_t ProxyLink::set(message::SectionKind kind, std::vector<std::byte> bytes) {
  const auto index = static_cast<std::size_t>(kind);
  auto& content = contents_[index];
  if (content.version != 0 && content.bytes == bytes) return content.version;
  // Versions rise across restarts of the agent too, since a live proxy keeps the newest one it has.
  const auto wall = static_cast<std::uint64_t>(clock_.wall().time_since_epoch().count());
  last_version_ = std::max(last_version_ + 1, wall);
  content.bytes = std::move(bytes);
  content.version = last_version_;
  for (Peer& peer : peers_) {
    peer.answers[index].sent = false;
    peer.answers[index].answered = false;
    peer.answers[index].refusal.clear();
  }
  send_pending();
  return content.version;
}

bool ProxyLink::send(Peer& peer, message::SectionKind kind) {
  const auto& content = contents_[static_cast<std::size_t>(kind)];
  auto& answer = peer.answers[static_cast<std::size_t>(kind)];
  if (answer.sent || content.version == 0) return true;
  const auto memory = message::sealed_memfd("sluice-section", content.bytes);
  if (!memory) return false;
  const message::Section body{kind, 0, content.version, content.bytes.size()};
  const int fd = memory->get();
  answer.sent =
      message::send_body(peer.link.get(), message::Type::section, 0, body, std::span(&fd, 1)).has_value();
  return answer.sent;
}

void ProxyLink::send_pending() {
  bool all = true;
  for (Peer& peer : peers_)
    for (const auto kind : kSendOrder) all = send(peer, kind) && all;
  if (all || retrying_) return;
  // A proxy is busy or has just ended: try again until its link breaks.
  retrying_ = true;
  loop_.after(kRetry, [this] {
    retrying_ = false;
    send_pending();
  });
}

void ProxyLink::receive(Peers::iterator peer) {
  auto packet = message::receive(peer->link.get());
  if (!packet) return drop(peer, packet.error().message);
  switch (packet->header.type) {
    case message::Type::proxy_ready:
      peer->ready = true;
      log_.info("proxy {} is ready", peer->pid);
      break;
    case message::Type::section_verdict: {
      auto verdict = message::body_of<message::SectionVerdict>(*packet, 0, 0);
      if (!verdict) return drop(peer, verdict.error().message);
      if (static_cast<std::size_t>(verdict->kind) >= contents_.size())
        return drop(peer, "verdict on an unknown section");
      take_verdict(peer, *verdict);
      break;
    }
    case message::Type::health_event: {
      const auto event = message::body_of<message::HealthEvent>(*packet, 0, 0);
      if (!event) return drop(peer, event.error().message);
      return on_health_(*event);
    }
    default:
      return drop(peer, "unexpected message from the proxy");
  }
  on_change_();
}

void ProxyLink::take_verdict(Peers::iterator peer, const message::SectionVerdict& verdict) {
  const auto index = static_cast<std::size_t>(verdict.kind);
  auto& answer = peer->answers[index];
  if (verdict.version != contents_[index].version) return;  // about one that is outdated by now
  answer.answered = true;
  if (verdict.accepted != 0) {
    answer.accepted = verdict.version;
    answer.refusal.clear();
    return;
  }
  answer.refusal = printable(verdict.reason);
  log_.error("proxy {} refused the new {}: {}; it keeps the last good one", peer->pid, kNames[index],
             answer.refusal);
}

void ProxyLink::drop(Peers::iterator peer, const std::string& why) {
  log_.debug("link to proxy {} ended: {}", peer->pid, why);
  loop_.unwatch(peer->watch);
  peers_.erase(peer);
  on_change_();
}

void ProxyLink::set_log_level(LogLevel level) {
  const message::LogLevelChange body{static_cast<std::uint32_t>(level)};
  for (const Peer& peer : peers_)
    if (auto sent = message::send_body(peer.link.get(), message::Type::log_level, 0, body); !sent)
      log_.warn("cannot tell proxy {} its log level: {}", peer.pid, sent.error().message);
}

}  // namespace sluice::agent
