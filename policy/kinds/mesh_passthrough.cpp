// MeshPassthrough (kuma.md 2.15).
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>

#include "base/address.h"
#include "policy/document/names.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/top_ref.h"

namespace sluice::policy {

using namespace schema;

Schema mesh_passthrough_schema(Dialect dialect) {
  const auto match = object({{"type", one_of({"Domain", "IP", "CIDR"}), true},
                             {"value", text(), true},
                             {"port", integer()},
                             defaulted("protocol", one_of({"tcp", "tls", "grpc", "http", "http2", "mysql"}),
                                       Node::of_text("tcp"))});
  return policy({{"default", object({{"passthroughMode", one_of({"All", "Matched", "None"})},
                                     {"appendMatch", list(match)}})}},
                dialect);
}

namespace {

constexpr std::array<std::string_view, 6> kProtocols{"tcp", "tls", "grpc", "http", "http2", "mysql"};
constexpr std::array<std::string_view, 3> kHttp{"http", "http2", "grpc"};

template <std::size_t N>
bool one_among(const std::array<std::string_view, N>& values, std::string_view value) {
  return std::ranges::find(values, value) != values.end();
}

class MatchList {
 public:
  explicit MatchList(Validator& validator) : validator_(validator) {}

  void check(const Node& match, const std::string& path) {
    const auto type = match.text_of("type");
    const std::string value(match.text_of("value"));
    const auto written = match.text_of("protocol");
    const std::string protocol(written.empty() ? "tcp" : written);
    const auto port = match.text_of("port");

    if (match.find("port") != nullptr) check_port(match, path);
    if (!one_among(kProtocols, protocol)) {
      error(match, path, "protocol",
            "\"protocol\" must be one of [\"tcp\", \"tls\", \"grpc\", \"http\", \"http2\", \"mysql\"]");
    }
    if (type == "Domain") {
      check_domain(match, path, value, protocol, port);
    } else if (type == "IP") {
      if (!IpAddr::parse(value)) error(match, path, "value", "provided IP has incorrect value");
    } else if (type == "CIDR") {
      if (value.find('/') == std::string::npos || !Prefix::parse(value)) {
        error(match, path, "value", "provided CIDR has incorrect value");
      }
    } else {
      error(match, path, "type",
            "provided type " + std::string(type) +
                " is not supported, one of Domain, IP, or CIDR is supported");
    }
    if (protocol == "mysql" && port.empty())
      error(match, path, "port", "port must be defined for Mysql protocol");
    check_shared(match, path, value, protocol, port);
  }

 private:
  void error(const Node& match, const std::string& path, std::string_view key, std::string message) {
    const auto* node = match.find(key);
    validator_.error(node == nullptr ? match : *node, join_path(path, key), std::move(message));
  }

  void check_port(const Node& match, const std::string& path) {
    const auto port = match.find("port")->as_integer();
    if (!port || *port < 1 || *port > 65535) error(match, path, "port", "port must be a valid (1-65535)");
  }

  void check_domain(const Node& match, const std::string& path, std::string_view value,
                    const std::string& protocol, std::string_view port) {
    if (protocol == "tcp" || protocol == "mysql") {
      error(match, path, "protocol", "protocol " + protocol + " is not supported for a domain");
    }
    // "*" alone is any name.
    const bool wildcard = value.starts_with('*');
    if (wildcard && value.size() > 1 && !value.starts_with("*.")) {
      error(match, path, "value",
            "provided DNS has incorrect value, partial wildcard is currently not supported");
    }
    const auto name = value.starts_with("*.") ? value.substr(2) : value;
    if (!name.starts_with('*') && (!is_dns_name(name) || IpAddr::parse(name)))
      error(match, path, "value", "provided DNS has incorrect value");
    if (wildcard && port.empty() && one_among(kHttp, protocol)) {
      error(match, path, "port", "wildcard domains doesn't work for all ports and layer 7 protocol");
    }
  }

  void check_shared(const Node& match, const std::string& path, const std::string& value,
                    const std::string& protocol, std::string_view port) {
    const std::string port_text(port);
    // Upstream lets a value be repeated as long as no port is given.
    if (!port.empty() && !seen_.insert(port_text + "|" + protocol + "|" + value).second) {
      error(match, path, "value", "value " + value + " is already defiend for this port and protocol");
    }
    if (port.empty() || !one_among(kHttp, protocol)) return;
    const auto [other, fresh] = http_by_port_.emplace(port_text, protocol);
    if (!fresh && other->second != protocol) {
      error(match, path, "port",
            "using the same port in multiple matches requires the same protocol for the following protocols: "
            "[grpc http http2]");
    }
  }

  Validator& validator_;
  std::set<std::string> seen_;
  std::map<std::string, std::string> http_by_port_;
};

}  // namespace

void validate_mesh_passthrough(Validator& validator) {
  const auto& spec = validator.resource().spec();
  validate_top_ref(validator, {.kinds = {"Mesh", "MeshSubset", "Dataplane"}});
  const auto* conf = spec.find("default");
  if (conf == nullptr) return;
  validator.at_most(*conf, "spec.default", "appendMatch", 4096);
  MatchList matches(validator);
  validator.each(*conf, "spec.default", "appendMatch", [&](const Node& match, const std::string& path) {
    matches.check(match, path);
    if (match.text_of("type") == "Domain") {
      validator.warning(match, path,
                        "Domain matches are accepted, not yet enforced by this version: traffic to it stays "
                        "closed under mode Matched",
                        "name its addresses by IP or CIDR for now");
    }
  });
}

}  // namespace sluice::policy
