#include "app/agent_link.h"

#include <algorithm>

#include "policy/table/image.h"

namespace sluice::app {
namespace {

constexpr std::size_t kCredentialBytesMax = std::size_t{256} << 20;

std::size_t bytes_max(message::SectionKind kind) {
  return kind == message::SectionKind::table ? policy::kMaxImageBytes : kCredentialBytesMax;
}

}  // namespace

void AgentLink::attach(Fd link) {
  link_ = std::move(link);
  const auto sent = message::send(link_.get(), {message::kMagic, message::Type::proxy_ready, 0}, {});
  if (!sent) drop(sent.error());
}

void AgentLink::receive() {
  auto packet = message::receive(link_.get());
  if (!packet) return drop(packet.error());
  if (const auto taken = take(*packet); !taken) drop(taken.error());
}

void AgentLink::send_event() {
  proxy_.health_events().send_oldest([this](const message::HealthEvent& event) {
    const auto sent = message::send_body(link_.get(), message::Type::health_event, 0, event);
    if (!sent) drop(sent.error());
    return sent.has_value();
  });
}

Outcome<> AgentLink::take(message::Packet& packet) {
  if (packet.header.type == message::Type::log_level) {
    const auto body = message::body_of<message::LogLevelChange>(packet, 0, 0);
    if (!body) return std::unexpected(body.error());
    if (body->level > static_cast<std::uint32_t>(LogLevel::error)) return fault("unknown log level");
    log_.set_level(static_cast<LogLevel>(body->level));
    return {};
  }
  if (packet.header.type != message::Type::section) return fault("unexpected message from the agent");
  const auto section = message::body_of<message::Section>(packet, 1, 1);
  if (!section) return std::unexpected(section.error());
  if (static_cast<std::size_t>(section->kind) >= accepted_.size()) return fault("unknown section");

  const auto taken = take_section(*section, packet.fds[0]);
  message::SectionVerdict verdict{
      .kind = section->kind, .accepted = taken ? 1U : 0U, .version = section->version};
  if (!taken) {
    log_.error("section refused: {}", taken.error().message);
    const std::size_t size = std::min(taken.error().message.size(), verdict.reason.size() - 1);
    std::copy_n(taken.error().message.begin(), size, verdict.reason.begin());
  }
  proxy_.count_section(taken.has_value());
  return message::send_body(link_.get(), message::Type::section_verdict, packet.header.request, verdict);
}

Outcome<> AgentLink::take_section(const message::Section& section, const Fd& memory) {
  std::uint64_t& accepted = accepted_[static_cast<std::size_t>(section.kind)];
  if (section.version < accepted) return fault("section is older than the one in force");
  if (section.version == accepted) return {};  // said again to a new link
  const auto bytes = message::read_sealed(memory.get(), section.size, bytes_max(section.kind));
  if (!bytes) return std::unexpected(bytes.error());
  if (const auto taken = take_bytes(section.kind, *bytes); !taken) return taken;
  accepted = section.version;
  return {};
}

Outcome<> AgentLink::take_bytes(message::SectionKind kind, std::span<const std::byte> bytes) {
  switch (kind) {
    case message::SectionKind::table:
      return proxy_.take_table(bytes);
    case message::SectionKind::credentials:
      return proxy_.take_credentials(bytes);
    case message::SectionKind::settings:
      break;
  }
  return bytes.empty() ? Outcome<>() : fault("this proxy takes its settings from its command line");
}

void AgentLink::drop(const Fault& why) {
  log_.info("link to the agent ended: {}; the last good snapshot stays in force", why.message);
  link_.reset();
}

}  // namespace sluice::app
