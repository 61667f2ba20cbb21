// MeshHTTPRoute (kuma.md 2.9): to where requests to a destination go, and what is changed on the way.
#include <algorithm>
#include <set>
#include <string>

#include "base/address.h"
#include "policy/document/names.h"
#include "policy/kinds/backend_ref.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/top_ref.h"

namespace sluice::policy {
namespace {

class RouteCheck {
 public:
  explicit RouteCheck(Validator& validator)
      : validator_(validator),
        spec_(validator.resource().spec()),
        gateway_(validator.dialect() == Dialect::kuma_2 && target_kind(spec_) == "MeshGateway") {}

  void run() {
    validate_top_ref(validator_, {.kinds = {"Mesh", "MeshSubset", "Dataplane", "MeshGateway", "MeshService",
                                            "MeshServiceSubset"},
                                  .gateways_by_system_only = true});
    const TargetRefRules destinations =
        gateway_ ? TargetRefRules{.kinds = {"Mesh"}}
                 : TargetRefRules{.kinds = {"MeshService", "MeshExternalService", "MeshMultiZoneService"}};
    validator_.each(spec_, "spec", "to", [&](const Node& item, const std::string& path) {
      validate_target_ref(validator_, item, item.find("targetRef"), path + ".targetRef", destinations);
      if (!gateway_ && filled(item, "hostnames")) {
        validator_.error(*item.find("hostnames"), path + ".hostnames", "must not be defined");
      }
      validator_.each(item, path, "rules", [&](const Node& one, const std::string& at) { rule(one, at); });
    });
  }

 private:
  void rule(const Node& rule, const std::string& path) {
    validator_.each(rule, path, "matches", [&](const Node& one, const std::string& at) { match(one, at); });
    const auto* found = rule.find("default");
    if (found == nullptr) return backends_missing(rule, Node::empty_mapping(), path);
    const auto at = path + ".default";
    const bool prefixes = only_prefixes(rule);
    validator_.each(*found, at, "filters", [&](const Node& one, const std::string& filter_path) {
      filter(one, filter_path, prefixes);
    });
    backends_missing(rule, *found, path);
    validator_.each(*found, at, "backendRefs", [&](const Node& ref, const std::string& ref_path) {
      validate_backend_ref(validator_, ref, ref_path);
    });
  }

  // A gateway has no destination of its own to fall back to.
  void backends_missing(const Node& rule, const Node& conf, const std::string& path) {
    if (!gateway_ || filled(conf, "backendRefs")) return;
    const auto* filters = conf.find("filters");
    const auto redirects = [](const Node& one) { return one.text_of("type") == "RequestRedirect"; };
    if (filters != nullptr && std::ranges::any_of(filters->items, redirects)) return;
    validator_.error(rule, path + ".default.backendRefs", "must not be empty");
  }

  static bool only_prefixes(const Node& rule) {
    const auto* matches = rule.find("matches");
    return matches == nullptr || std::ranges::all_of(matches->items, [](const Node& match) {
             const auto* path = match.find("path");
             return path != nullptr && path->text_of("type") == "PathPrefix";
           });
  }

  void match(const Node& match, const std::string& path) {
    if (const auto* wanted = match.find("path")) match_path(*wanted, path + ".path.value");
    std::set<std::string_view> names;
    validator_.each(match, path, "queryParams", [&](const Node& one, const std::string& at) {
      const auto name = one.text_of("name");
      if (!names.insert(name).second)
        validator_.error(one, at + ".name", "multiple entries for name " + std::string(name));
    });
    validator_.each(match, path, "headers", [&](const Node& one, const std::string& at) {
      const auto type = one.text_of("type");
      if ((type == "Present" || type == "Absent") && !one.text_of("value").empty())
        validator_.error(one, at + ".value", "must not be defined");
    });
  }

  void match_path(const Node& wanted, const std::string& path) {
    const auto type = wanted.text_of("type");
    const auto value = wanted.text_of("value");
    if (type != "Exact" && type != "PathPrefix") return;
    if (type == "PathPrefix" && value != "/" && value.ends_with('/')) {
      validator_.error(wanted, path,
                       "does not need a trailing slash because only a `/`-separated prefix or an entire path "
                       "is matched");
    }
    if (!value.starts_with('/')) validator_.error(wanted, path, "must be an absolute path");
  }

  void filter(const Node& filter, const std::string& path, bool prefixes) {
    const auto type = filter.text_of("type");
    const auto part = [&](std::string_view key) {
      const auto* found = filter.find(key);
      if (found == nullptr) validator_.error(filter, join_path(path, key), "must be defined");
      return found;
    };
    if (type == "RequestHeaderModifier") {
      if (const auto* found = part("requestHeaderModifier")) headers(*found, path + ".requestHeaderModifier");
    } else if (type == "ResponseHeaderModifier") {
      if (const auto* found = part("responseHeaderModifier"))
        headers(*found, path + ".responseHeaderModifier");
    } else if (type == "RequestRedirect") {
      if (const auto* found = part("requestRedirect"))
        destination(*found, path + ".requestRedirect", prefixes);
    } else if (type == "URLRewrite") {
      if (const auto* found = part("urlRewrite")) rewrite(*found, path + ".urlRewrite", prefixes);
    } else if (type == "RequestMirror") {
      if (const auto* found = part("requestMirror")) mirror(*found, path + ".requestMirror");
    }
  }

  // A header may be set, added or removed, once.
  void headers(const Node& change, const std::string& path) {
    if (change.find("set") == nullptr && change.find("add") == nullptr && change.find("remove") == nullptr) {
      return validator_.error(change, path, "must have at least one defined: set, add, remove");
    }
    std::set<std::string_view> names;
    for (const auto* key : {"set", "add", "remove"}) {
      validator_.each(change, path, key, [&](const Node& one, const std::string& at) {
        const std::string_view name = one.is_mapping() ? one.text_of("name") : std::string_view(one.scalar);
        if (!names.insert(name).second) validator_.error(one, at + ".name", "duplicate header name");
      });
    }
  }

  void destination(const Node& conf, const std::string& path, bool prefixes) {
    if (const auto* replaced = conf.find_path({"path", "replacePrefixMatch"});
        replaced != nullptr && !prefixes) {
      validator_.error(*replaced, path + ".path.replacePrefixMatch",
                       "can only appear if all matches match a path prefix");
    }
    const auto* host = conf.find("hostname");
    if (host == nullptr) return;
    if (IpAddr::parse(host->scalar)) {
      validator_.error(*host, path + ".hostname", "cannot be an IP address");
    } else if (!is_dns_subdomain(host->scalar)) {
      validator_.error(*host, path + ".hostname",
                       "must be a lower-case RFC 1123 subdomain of at most 253 characters");
    }
  }

  void rewrite(const Node& conf, const std::string& path, bool prefixes) {
    destination(conf, path, prefixes);
    const auto* by_backend = conf.find("hostToBackendHostname");
    if (by_backend == nullptr || by_backend->as_boolean() != true) return;
    const auto at = path + ".hostToBackendHostname";
    if (!gateway_) validator_.error(*by_backend, at, "can only be set with MeshGateway");
    if (conf.find("hostname") != nullptr)
      validator_.error(*by_backend, at, "cannot be set together with hostname");
  }

  void mirror(const Node& conf, const std::string& path) {
    TargetRefRules rules{.kinds = {"MeshService", "MeshServiceSubset"}};
    if (validator_.dialect() == Dialect::kuma_3)
      rules.kinds = {"MeshService", "MeshExternalService", "MeshMultiZoneService"};
    validate_target_ref(validator_, conf, conf.find("backendRef"), path + ".backendRef", rules);
  }

  Validator& validator_;
  const Node& spec_;
  bool gateway_;
};

}  // namespace

void validate_mesh_http_route(Validator& validator) {
  RouteCheck(validator).run();
}

}  // namespace sluice::policy
