#include "ctl/inbound_flag.h"

#include <fmt/core.h>

#include <charconv>
#include <optional>
#include <string_view>

namespace sluice::ctl {
namespace {

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failed != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace

Outcome<InboundFlag> parse_inbound(const std::string& text) {
  const auto wrong = [&] {
    return fault(fmt::format("'{}' is not PORT[:SERVICEPORT][/PROTO]", text),
                 "for example --inbound 80:8080/http");
  };
  InboundFlag inbound;
  std::string_view rest = text;
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    inbound.protocol = rest.substr(slash + 1);
    rest = rest.substr(0, slash);
    if (inbound.protocol.empty()) return wrong();
  }
  if (const auto colon = rest.find(':'); colon != std::string_view::npos) {
    const auto service = port_of(rest.substr(colon + 1));
    if (!service) return wrong();
    inbound.service_port = *service;
    rest = rest.substr(0, colon);
  }
  const auto port = port_of(rest);
  if (!port) return wrong();
  inbound.port = *port;
  return inbound;
}

}  // namespace sluice::ctl
