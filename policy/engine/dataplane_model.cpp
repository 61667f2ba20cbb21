#include "policy/engine/dataplane_model.h"

#include <algorithm>
#include <utility>

namespace sluice::policy {
namespace {

Tags tags_of(const Node& parent, std::string_view key) {
  Tags out;
  const auto* tags = parent.find(key);
  if (tags == nullptr) return out;
  for (const auto& entry : tags->fields) out[entry.key] = entry.value.scalar;
  return out;
}

std::uint16_t port_of(const Node& parent, std::string_view key, std::uint16_t fallback) {
  const auto* node = parent.find(key);
  const auto value = node == nullptr ? std::nullopt : node->as_integer();
  return value && *value > 0 && *value <= 65535 ? static_cast<std::uint16_t>(*value) : fallback;
}

Protocol protocol_of(const Node& inbound, const Tags& tags) {
  const auto own = inbound.text_of("protocol");
  if (!own.empty()) return parse_protocol(own);
  const auto tag = tags.find("kuma.io/protocol");
  return tag == tags.end() ? Protocol::tcp : parse_protocol(tag->second);
}

InboundModel inbound_of(const Node& node, const IpAddr& own) {
  InboundModel out;
  const auto port = port_of(node, "port", 0);
  out.address = {IpAddr::parse(node.text_of("address")).value_or(own), port};
  out.service_address = {IpAddr::parse(node.text_of("serviceAddress")).value_or(IpAddr{}),
                         port_of(node, "servicePort", port)};
  const auto name = node.text_of("name");
  out.section = name.empty() ? std::to_string(port) : std::string(name);
  out.tags = tags_of(node, "tags");
  out.protocol = protocol_of(node, out.tags);
  const auto* health = node.find_path({"health", "ready"});
  out.ready = node.text_of("state") != "NotReady" && (health == nullptr || health->as_boolean() != false);
  return out;
}

OutboundModel outbound_of(const Node& node) {
  OutboundModel out;
  out.mark = node.mark;
  out.address = {IpAddr::parse(node.text_of("address")).value_or(*IpAddr::parse("127.0.0.1")),
                 port_of(node, "port", 0)};
  out.tags = tags_of(node, "tags");
  if (const auto service = node.text_of("service"); !service.empty()) out.tags["kuma.io/service"] = service;
  if (const auto* ref = node.find("backendRef")) {
    out.ref = BackendRefModel{std::string(ref->text_of("kind")), std::string(ref->text_of("name")),
                              std::string(ref->text_of("namespace")), tags_of(*ref, "labels"),
                              port_of(*ref, "port", 0)};
  }
  return out;
}

void add_address(std::vector<IpAddr>& addresses, const IpAddr& ip) {
  if (!ip.is_loopback() && std::ranges::find(addresses, ip) == addresses.end()) addresses.push_back(ip);
}

void read_inbounds(const Node& networking, const IpAddr& own, DataplaneModel& out) {
  const auto* inbounds = networking.find("inbound");
  if (inbounds == nullptr) return;
  for (const auto& node : inbounds->items) {
    auto inbound = inbound_of(node, own);
    if (!inbound.tags.empty()) out.identity_tags.push_back(inbound.tags);
    if (node.text_of("state") == "Ignored") continue;
    add_address(out.addresses, inbound.address.ip);
    out.inbounds.push_back(std::move(inbound));
  }
}

void read_listeners(const Node& networking, const IpAddr& own, DataplaneModel& out) {
  const auto* listeners = networking.find("listeners");
  if (listeners == nullptr) return;
  for (const auto& node : listeners->items) out.listeners.push_back(inbound_of(node, own));
}

std::string zone_of(const DataplaneModel& dataplane) {
  if (const auto zone = dataplane.resource->label("kuma.io/zone"); !zone.empty()) return std::string(zone);
  for (const auto& tags : dataplane.identity_tags) {
    if (const auto found = tags.find("kuma.io/zone"); found != tags.end()) return found->second;
  }
  return {};
}

}  // namespace

Protocol parse_protocol(std::string_view name) {
  std::string text(name);
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (text == "http") return Protocol::http;
  if (text == "http2") return Protocol::http2;
  if (text == "grpc") return Protocol::grpc;
  if (text == "kafka") return Protocol::kafka;
  return Protocol::tcp;
}

DataplaneModel DataplaneModel::read(const Resource& resource) {
  DataplaneModel out;
  out.resource = &resource;
  const auto* networking = resource.body.find("networking");
  if (networking == nullptr) {
    out.zone = zone_of(out);
    return out;
  }
  const auto own = IpAddr::parse(networking->text_of("address")).value_or(IpAddr{});
  out.addresses.push_back(own);
  read_inbounds(*networking, own, out);
  read_listeners(*networking, own, out);
  if (const auto* gateway = networking->find("gateway")) {
    out.gateway = gateway->text_of("type") != "BUILTIN";
    out.identity_tags.push_back(tags_of(*gateway, "tags"));
  }
  if (const auto* outbounds = networking->find("outbound")) {
    for (const auto& node : outbounds->items) out.outbounds.push_back(outbound_of(node));
  }
  if (const auto* block = resource.body.find("sluice")) {
    out.node = block->text_of("node");
    const auto* encrypt = block->find("encryptSameNode");
    out.encrypt_same_node = encrypt != nullptr && encrypt->as_boolean() == true;
  }
  out.zone = zone_of(out);
  return out;
}

std::optional<DataplaneModel> DataplaneModel::from(const Resource& resource, Diagnostics& diagnostics) {
  const auto* networking = resource.body.find("networking");
  if (networking == nullptr) return std::nullopt;
  const auto* address = networking->find("address");
  if (address != nullptr && IpAddr::parse(address->scalar)) return read(resource);
  diagnostics.add({Severity::warning, Stage::support, resource.file,
                   address == nullptr ? resource.mark : address->mark, "networking.address",
                   "Dataplane \"" + resource.name + "\" has a name for an address; it takes no part",
                   "write the IP address"});
  return std::nullopt;
}

}  // namespace sluice::policy
