// Dataplane, 2.x form (kuma.md 1.3), with Sluice's own `sluice:` block.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>

#include "base/address.h"
#include "policy/document/names.h"
#include "policy/kinds/dataplane_parts.h"
#include "policy/kinds/mesh_backends.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/service_rules.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/tags.h"

namespace sluice::policy {

using namespace schema;

namespace {

// Kuma 3 took the tags away; Dataplanes have labels instead.
Schema inbound_schema(Dialect dialect) {
  const auto probe = object({{"interval", loose_text()},
                             {"timeout", loose_text()},
                             {"unhealthyThreshold", integer()},
                             {"healthyThreshold", integer()},
                             {"tcp", any()}});
  auto out = object({{"port", integer()},
                     {"servicePort", integer()},
                     {"serviceAddress", loose_text()},
                     {"address", loose_text()},
                     {"name", loose_text()},
                     {"protocol", loose_text()},
                     {"state", one_of({"Ready", "NotReady", "Ignored"})},
                     {"health", object({{"ready", boolean()}})},
                     {"serviceProbe", probe}});
  if (dialect == Dialect::kuma_2) out.fields.push_back({"tags", loose_text_map()});
  return out;
}

Schema outbound_schema(Dialect dialect) {
  const auto backend_ref = object({{"kind", loose_text()},
                                   {"name", loose_text()},
                                   {"namespace", loose_text()},
                                   {"port", integer()},
                                   {"labels", loose_text_map()}});
  auto out = object({{"address", loose_text()}, {"port", integer()}, {"backendRef", backend_ref}});
  if (dialect == Dialect::kuma_2) {
    out.fields.push_back({"tags", loose_text_map()});
    out.fields.push_back({"service", loose_text()});
  }
  return out;
}

Schema gateway_schema(Dialect dialect) {
  const auto type = dialect == Dialect::kuma_2 ? one_of({"DELEGATED", "BUILTIN"}) : one_of({"DELEGATED"});
  return object({{"type", type}, {"tags", loose_text_map()}});
}

}  // namespace

Schema dataplane_schema(Dialect dialect) {
  const auto listener = object({{"type", one_of({"ZoneIngress", "ZoneEgress"})},
                                {"address", loose_text()},
                                {"port", integer()},
                                {"name", loose_text()},
                                {"state", loose_text()}});
  auto networking = object({{"address", loose_text()},
                            {"inbound", list(inbound_schema(dialect))},
                            {"outbound", list(outbound_schema(dialect))},
                            {"listeners", list(listener)},
                            {"gateway", gateway_schema(dialect)},
                            {"transparentProxying", any()},
                            {"admin", object({{"port", integer()}})}});
  if (dialect == Dialect::kuma_2) networking.fields.push_back({"advertisedAddress", loose_text()});
  auto out = object({{"networking", networking}, {"sluice", dataplane_sluice_schema()}});
  if (dialect == Dialect::kuma_2) {
    out.fields.push_back({"metrics", any()});
    out.fields.push_back({"probes", any()});
  }
  return out;
}

namespace {

constexpr std::string_view kServiceTag = "kuma.io/service";
constexpr std::string_view kProtocolTag = "kuma.io/protocol";

class DataplaneCheck {
 public:
  explicit DataplaneCheck(Validator& validator) : validator_(validator), body_(validator.resource().body) {}

  void run() {
    const auto* networking = body_.find("networking");
    if (networking == nullptr || !networking->is_mapping()) {
      return validator_.error(body_, "networking", "must be defined",
                              "give networking.address and the inbounds");
    }
    net_ = networking;
    address();
    validator_.at_most(*net_, kNet, "inbound", 4096);
    validator_.at_most(*net_, kNet, "outbound", 8192);
    if (const auto* gateway = net_->find("gateway")) {
      check_gateway(*gateway);
    }
    validator_.each(*net_, kNet, "inbound",
                    [&](const Node& node, const std::string& path) { inbound(node, path); });
    validator_.each(*net_, kNet, "outbound",
                    [&](const Node& node, const std::string& path) { outbound(node, path); });
    validator_.each(*net_, kNet, "listeners",
                    [&](const Node& node, const std::string& path) { listener(node, path); });
    validate_reachable_backends(validator_, *net_);
    admin_port();
    if (validator_.dialect() == Dialect::kuma_2) kuma_2_parts();
  }

 private:
  void address() {
    const auto* node = net_->find("address");
    const std::string path = "networking.address";
    if (node == nullptr || node->scalar.empty()) {
      return validator_.error(node == nullptr ? *net_ : *node, path, "address can't be empty");
    }
    const auto ip = IpAddr::parse(node->scalar);
    if (ip && ip->is_unspecified()) {
      validator_.error(*node, path, "must not be 0.0.0.0 or ::");
    } else if (!ip && !is_dns_name(node->scalar)) {
      validator_.error(*node, path, "address has to be valid IP address or domain name");
    }
  }

  void check_gateway(const Node& gateway) {
    const bool builtin = gateway.text_of("type") == "BUILTIN";
    if (const auto* inbounds = net_->find("inbound"); inbounds != nullptr && inbounds->size() > 0) {
      validator_.error(
          *inbounds, "networking.inbound",
          "inbound cannot be defined for " + std::string(builtin ? "builtin" : "delegated") + " gateways");
    }
    const auto* listeners = net_->find("listeners");
    if (!builtin && listeners != nullptr && listeners->size() > 0) {
      validator_.error(*listeners, "networking.listeners",
                       "listeners cannot be defined for delegated gateways");
    }
    const auto* outbounds = net_->find("outbound");
    if (builtin && outbounds != nullptr && outbounds->size() > 0) {
      validator_.error(*outbounds, "networking.outbound", "outbound cannot be defined for builtin gateways");
    }
    if (builtin && body_.find("probes") != nullptr) {
      validator_.error(*body_.find("probes"), "networking.probes",
                       "probes cannot be defined for builtin gateways");
    }
    const auto* tags = gateway.find("tags");
    const std::string path = "networking.gateway.tags";
    validate_tags(validator_, gateway, tags, path, {.require_service = true});
    const auto* protocol = tags == nullptr ? nullptr : tags->find(kProtocolTag);
    if (protocol != nullptr && protocol->scalar != "tcp") {
      validator_.error(*protocol, key_path(path, kProtocolTag),
                       "other values than tcp are not allowed, provided value \"" + protocol->scalar + "\"");
    }
  }

  void inbound_tags(const Node& node, const std::string& path) {
    const auto* tags = node.find("tags");
    if (tags == nullptr || tags->size() == 0) return;
    if (tags->find(kServiceTag) == nullptr) {
      validator_.error(*tags, key_path(path + ".tags", kServiceTag), "tag has to exist");
    }
    validate_tags(validator_, node, tags, path + ".tags", {});
    const auto* protocol = tags->find(kProtocolTag);
    if (protocol == nullptr || protocol->scalar.empty() || known_protocol(protocol->scalar)) return;
    validator_.error(*protocol, key_path(path + ".tags", kProtocolTag),
                     "tag \"kuma.io/protocol\" has an invalid value \"" + protocol->scalar +
                         "\". Allowed values: grpc, http, http2, kafka, tcp");
  }

  // Told apart without regard to case.
  bool known_protocol(std::string_view text) const {
    return text == "kafka" ? validator_.dialect() == Dialect::kuma_2
                           : is_supported_protocol(text, Dialect::kuma_3);
  }

  void inbound(const Node& node, const std::string& path) {
    validator_.port(node, path, "port", true);
    if (node.text_of("servicePort") != "0") validator_.port(node, path, "servicePort", false);
    validator_.short_name(node, path, "name");
    validator_.at_most(node, path, "tags", 64);
    const auto own = node.text_of("address");
    if (!own.empty() && !IpAddr::parse(own)) {
      validator_.error(*node.find("address"), path + ".address", "address has to be valid IP address");
    }
    service_address(node, path);
    inbound_tags(node, path);
    validate_service_probe(validator_, node, path);
    const auto protocol = node.text_of("protocol");
    if (!protocol.empty() && !known_protocol(protocol)) {
      validator_.error(*node.find("protocol"), path + ".protocol", "unknown protocol",
                       "write grpc, http, http2, kafka or tcp");
    }
    const auto port = std::string(node.text_of("port"));
    inbound_sockets_.insert((own.empty() ? std::string(net_->text_of("address")) : std::string(own)) + ":" +
                            port);
    const auto name = node.text_of("name");
    section_name(node, path, name.empty() ? port : std::string(name));
  }

  void section_name(const Node& node, const std::string& path, const std::string& name) {
    if (!name.empty() && !sections_.insert(name).second) {
      validator_.error(node, path + ".name",
                       "name \"" + name + "\" must be unique across inbounds and listeners");
    }
  }

  void service_address(const Node& node, const std::string& path) {
    const auto* service = node.find("serviceAddress");
    if (service == nullptr || service->scalar.empty()) return;
    if (!IpAddr::parse(service->scalar)) {
      return validator_.error(*service, path + ".serviceAddress",
                              "serviceAddress has to be valid IP address");
    }
    // The address of the proxy counts even where the inbound has its own.
    const auto service_port = node.text_of("servicePort");
    const bool same_port =
        service_port.empty() || service_port == "0" || service_port == node.text_of("port");
    const auto own = node.text_of("address");
    if (same_port && (service->scalar == net_->text_of("address") || service->scalar == own)) {
      validator_.error(*service, path + ".serviceAddress",
                       "serviceAddress and servicePort has to differ from address and port");
    }
  }

  void outbound(const Node& node, const std::string& path) {
    validator_.port(node, path, "port", true);
    validator_.at_most(node, path, "tags", 64);
    const auto address = node.text_of("address");
    if (!address.empty() && !IpAddr::parse(address)) {
      validator_.error(*node.find("address"), path + ".address", "address has to be valid IP address");
    }
    const auto* tags = node.find("tags");
    const auto* ref = node.find("backendRef");
    if (ref != nullptr) return backend_ref(node, *ref, path);
    // Kuma 3 knows no tags and services of outbounds.
    if (validator_.dialect() == Dialect::kuma_3)
      return validator_.error(node, path + ".backendRef", "must be defined");
    if (tags != nullptr && tags->size() > 0)
      return validate_tags(validator_, node, tags, path + ".tags", {.require_service = true});
    if (node.text_of("service").empty()) {
      validator_.error(node, path + ".tags", "mandatory tag \"kuma.io/service\" is missing",
                       "or give a backendRef");
    }
  }

  void backend_ref(const Node& node, const Node& ref, const std::string& path) {
    const auto kind = ref.text_of("kind");
    if (!is_backend_kind(kind))
      validator_.error(ref, path + ".backendRef.kind", std::string(kBackendKindMessage));
    if (ref.text_of("name").empty() && (ref.find("labels") == nullptr || ref.find("labels")->size() == 0)) {
      validator_.error(ref, path + ".backendRef", "either 'name' or 'labels' should be specified");
    }
    validator_.short_name(ref, path + ".backendRef", "name");
    validator_.port(ref, path + ".backendRef", "port", kind != "MeshExternalService");
    const auto* tags = node.find("tags");
    if ((tags != nullptr && tags->size() > 0) || !node.text_of("service").empty()) {
      validator_.error(ref, path + ".backendRef", "both backendRef and tags/service cannot be defined");
    }
  }

  void listener(const Node& node, const std::string& path) {
    if (!validator_.port(node, path, "port", true)) return;
    section_name(node, path, std::string(node.text_of("name")));
    const auto own = node.text_of("address").empty() ? net_->text_of("address") : node.text_of("address");
    const auto socket = std::string(own) + ":" + std::string(node.text_of("port"));
    if (inbound_sockets_.contains(socket)) {
      validator_.error(node, path, "address:port " + socket + " collides with an inbound listener");
    } else if (!listener_sockets_.insert(socket).second) {
      validator_.error(node, path, "address:port " + socket + " is already used by another listener");
    }
  }

  // The admin port listens on loopback, so it collides only with what listens there.
  void admin_port() {
    const auto* port = net_->find_path({"admin", "port"});
    if (port == nullptr) return;
    const auto collides = [&](std::string_view list, std::string_view key, std::string_view fallback) {
      const auto* nodes = net_->find(list);
      if (nodes == nullptr) return false;
      return std::ranges::any_of(nodes->items, [&](const Node& node) {
        const auto address = node.text_of("address").empty() ? fallback : node.text_of("address");
        const auto ip = IpAddr::parse(address);
        return ip && ip->is_loopback() && node.text_of(key) == port->scalar;
      });
    };
    if (collides("inbound", "port", net_->text_of("address"))) {
      validator_.error(*port, "networking.admin.port", "must differ from inbound");
    }
    if (collides("outbound", "port", "127.0.0.1")) {
      validator_.error(*port, "networking.admin.port", "must differ from outbound");
    }
  }

  // Gateways have neither; builtin ones are told so.
  void kuma_2_parts() {
    const auto* gateway = net_->find("gateway");
    if (gateway == nullptr || gateway->text_of("type") != "BUILTIN") validate_probes(validator_, body_);
    const auto* backend = body_.find("metrics");
    if (backend == nullptr) return;
    if (gateway == nullptr) validate_metrics_backend(validator_, *backend, "metrics");
    validator_.warning(*backend, "metrics", "accepted, not yet enforced by this version");
  }

  const std::string kNet = "networking";
  Validator& validator_;
  const Node& body_;
  const Node* net_ = nullptr;
  std::set<std::string> sections_;
  std::set<std::string> inbound_sockets_;
  std::set<std::string> listener_sockets_;
};

}  // namespace

void validate_dataplane(Validator& validator) {
  DataplaneCheck(validator).run();
  if (const auto* block = validator.resource().body.find("sluice"))
    validate_dataplane_sluice(validator, *block);
}

}  // namespace sluice::policy
