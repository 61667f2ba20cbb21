#include "answers.h"

#include <vector>

namespace sluice::policy::property {
namespace {

std::string text_of(const Permit& permit) {
  std::string out = permit.address().text() + "/" + std::to_string(number(permit.server())) +
                    (permit.encrypt() ? " encrypted " : " ") + permit.rule().text();
  for (const auto& identity : permit.expected_identities()) out += " " + identity;
  return out;
}

std::string text_of(const Refusal& refusal) {
  return "refused " + std::to_string(static_cast<int>(refusal.reason)) + refusal.rule->text();
}

std::string text_of(const OutboundDecision& decision) {
  if (const auto* refusal = std::get_if<Refusal>(&decision)) return text_of(*refusal);
  const auto& route = std::get<OutboundRoute>(decision);
  std::string out(route.service());
  for (std::size_t i = 0; i < route.size(); ++i) out += " to " + text_of(route.permit(i));
  return out;
}

std::string text_of(const InboundDecision& decision) {
  const auto* refusal = std::get_if<Refusal>(&decision);
  return refusal != nullptr ? text_of(*refusal) : text_of(std::get<Permit>(decision));
}

std::vector<SocketAddr> addresses(const TableImage& image) {
  std::vector<SocketAddr> out{{*IpAddr::parse("192.0.2.7"), 80}};
  for (const auto& workload : image.workloads)
    for (const auto& inbound : workload.inbounds) out.push_back(inbound.address);
  for (const auto& outbound : image.outbounds)
    out.insert(out.end(), outbound.addresses.begin(), outbound.addresses.end());
  for (const auto& service : image.services) out.insert(out.end(), service.vips.begin(), service.vips.end());
  return out;
}

}  // namespace

std::string answers(const Table& table) {
  std::string out;
  const auto& image = table.image();
  const auto all = addresses(image);
  for (const auto& workload : image.workloads) {
    if (!workload.local) continue;
    for (const auto& address : all) {
      out += workload.name + " " + address.text() + ": " +
             text_of(table.route_outbound(workload.id, OrigDst(address))) + "\n" +
             (table.enrolled_peer(workload.id, address.ip) ? "enrolled\n" : "");
    }
    for (const auto& client : image.workloads) {
      const Peer peer{client.identities, {}, {}};
      for (const auto& inbound : workload.inbounds)
        out += client.name + ": " +
               text_of(table.admit(workload.id, OrigDst(inbound.address), &peer, ClientAddr())) + "\n";
    }
  }
  return out;
}

}  // namespace sluice::policy::property
