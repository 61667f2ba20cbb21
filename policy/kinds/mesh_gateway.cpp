// MeshGateway (2.x): checked as Kuma does, not served.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "policy/document/names.h"
#include "policy/kinds/gateway_rules.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/tags.h"

namespace sluice::policy {

using namespace schema;

Schema mesh_gateway_schema(Dialect /*dialect*/) {
  const auto tls = object({{"mode", one_of({"NONE", "TERMINATE", "PASSTHROUGH"})},
                           {"certificates", list(data_source())},
                           {"options", any()}});
  const auto listener = object({{"hostname", loose_text()},
                                {"port", integer()},
                                {"protocol", one_of({"NONE", "TCP", "TLS", "HTTP", "HTTPS"})},
                                {"tls", tls},
                                {"tags", loose_text_map()},
                                {"crossMesh", boolean()},
                                {"resources", object({{"connectionLimit", integer()}})}});
  return object({{"selectors", list(object({{"match", loose_text_map()}}))},
                 {"tags", loose_text_map()},
                 {"conf", object({{"listeners", list(listener)}})}});
}

void validate_gateway_selectors(Validator& validator, const Node& body, bool one_only) {
  const auto* selectors = body.find("selectors");
  if (selectors == nullptr || selectors->size() == 0) {
    validator.error(body, "selectors", "must have at least one element");
  }
  std::size_t seen = 0;
  validator.each(body, "", "selectors", [&](const Node& selector, const std::string& path) {
    validate_tags(validator, selector, selector.find("match"), path + ".match",
                  {.selector = true, .at_least_one = true, .require_service = true});
    if (one_only && seen > 0) validator.error(selector, path, "there can be at most one selector");
    ++seen;
  });
}

namespace {

const std::string kListeners = "conf.listeners";

bool is_cross_mesh(const Node& listener) {
  const auto* flag = listener.find("crossMesh");
  return flag != nullptr && flag->as_boolean() == true;
}

// Tags that belong to Dataplanes are not for gateways to set.
void validate_own_tags(Validator& validator, const Node& holder, const std::string& path) {
  constexpr std::array<std::string_view, 4> kReserved{"kuma.io/external-service-name", "kuma.io/protocol",
                                                      "kuma.io/service", "kuma.io/zone"};
  const auto* tags = holder.find("tags");
  validate_tags(validator, holder, tags, path, {.selector = true});
  if (tags == nullptr) return;
  for (const auto& tag : tags->fields) {
    if (std::ranges::find(kReserved, tag.key) == kReserved.end()) continue;
    validator.error(tag.value, key_path(path, tag.key), "tag name must not be \"" + tag.key + "\"");
  }
}

void validate_hostname(Validator& validator, const Node& listener, const std::string& path) {
  const auto* node = listener.find("hostname");
  if (node == nullptr || node->scalar.empty() || node->scalar == "*") return;
  std::string_view name = node->scalar;
  const bool wildcard = name.starts_with("*.");
  if (wildcard) name.remove_prefix(2);
  if (node->scalar.size() > 253) {
    validator.error(*node, path + ".hostname", "must be at most 253 characters");
  } else if (!is_dns_subdomain(name)) {
    validator.error(*node, path + ".hostname", wildcard ? "invalid wildcard domain" : "invalid hostname");
  }
}

void validate_termination(Validator& validator, const Node& listener, const Node& tls,
                          const std::string& path) {
  const auto mode = tls.text_of("mode");
  const auto* certificates = tls.find("certificates");
  const auto count = certificates == nullptr ? 0 : certificates->size();
  const bool none = mode.empty() || mode == "NONE";
  if (is_cross_mesh(listener)) {
    if (!none || count > 0) validator.error(tls, path, "must be empty with crossMesh");
    return;
  }
  if (none) validator.error(tls, path + ".mode", "cannot be empty");
  if (mode != "TERMINATE") return;
  if (count == 0) validator.error(tls, path + ".certificates", "cannot be empty in TLS termination mode");
  if (count > 2) validator.error(tls, path + ".certificates", "cannot have more than 2 certificates");
}

void validate_protocol(Validator& validator, const Node& listener, const std::string& path) {
  const auto protocol = listener.text_of("protocol");
  const auto* tls = listener.find("tls");
  if (protocol.empty() || protocol == "NONE")
    validator.error(listener, path + ".protocol", "cannot be empty");
  if (protocol != "HTTPS") return;
  if (is_cross_mesh(listener)) {
    validator.error(listener, path + ".protocol", "protocol is not supported with crossMesh");
  } else if (tls == nullptr) {
    validator.error(listener, path + ".tls", "cannot be empty");
  } else if (tls->text_of("mode") == "PASSTHROUGH") {
    validator.error(*tls, path + ".tls.mode", "mode is not supported on HTTPS listeners");
  }
}

// Listeners of one port become one: they have to agree on protocol and limit, and differ in hostname.
class Collapse {
 public:
  Collapse(Validator& validator, const Node& conf) : validator_(validator), conf_(conf) {}

  void run() {
    each([&](const Node& listener, const std::string&) {
      const auto port = listener.text_of("port");
      protocols_[port].insert(listener.text_of("protocol"));
      ++hosts_[{port, host_of(listener)}];
      if (const auto limit = limit_of(listener); limit != "0") limits_[port].insert(limit);
    });
    each([&](const Node& listener, const std::string& path) {
      const auto port = listener.text_of("port");
      if (protocols_[port].size() > 1) {
        validator_.error(listener, path, "protocol conflicts with other listeners on this port");
      }
      if (hosts_[{port, host_of(listener)}] > 1) {
        validator_.error(listener, path, "multiple listeners for hostname on this port");
      }
      if (limits_[port].size() > 1 && limit_of(listener) != "0") {
        validator_.error(listener, path + ".resources.connectionLimit", "conflicting values for this port");
      }
    });
  }

 private:
  template <typename Visit>
  void each(Visit visit) {
    validator_.each(conf_, "conf", "listeners", visit);
  }
  static std::string_view host_of(const Node& listener) {
    const auto host = listener.text_of("hostname");
    return host.empty() ? "*" : host;
  }
  static std::string_view limit_of(const Node& listener) {
    const auto* limit = listener.find_path({"resources", "connectionLimit"});
    return limit == nullptr ? "0" : std::string_view(limit->scalar);
  }

  Validator& validator_;
  const Node& conf_;
  std::map<std::string_view, std::set<std::string_view>> protocols_;
  std::map<std::pair<std::string_view, std::string_view>, int> hosts_;
  std::map<std::string_view, std::set<std::string_view>> limits_;
};

}  // namespace

void validate_mesh_gateway(Validator& validator) {
  const auto& body = validator.resource().body;
  const auto* conf = body.find("conf");
  const auto* listeners = conf == nullptr ? nullptr : conf->find("listeners");
  const bool cross = listeners != nullptr && std::ranges::any_of(listeners->items, is_cross_mesh);
  validate_gateway_selectors(validator, body, cross);
  validate_own_tags(validator, body, "tags");
  if (conf == nullptr) return validator.error(body, "conf", "cannot be empty");
  if (listeners == nullptr || listeners->size() == 0) validator.error(*conf, kListeners, "cannot be empty");
  validator.each(*conf, "conf", "listeners", [&](const Node& listener, const std::string& path) {
    validate_hostname(validator, listener, path);
    validator.port(listener, path, "port", true);
    validate_protocol(validator, listener, path);
    if (const auto* tls = listener.find("tls"))
      validate_termination(validator, listener, *tls, path + ".tls");
    validate_own_tags(validator, listener, path + ".tags");
  });
  Collapse(validator, *conf).run();
}

}  // namespace sluice::policy
