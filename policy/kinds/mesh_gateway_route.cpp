// MeshGatewayRoute (2.x): checked as Kuma does, not served. Fields of two words may be written in either of
// the two spellings that protobuf reads (query_parameters, queryParameters); violations name the first.
#include <charconv>
#include <string>

#include "policy/kinds/gateway_rules.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/tags.h"

namespace sluice::policy {

using namespace schema;

namespace {

Schema backend_schema() {
  return object({{"weight", integer(0, 4294967295)}, {"destination", loose_text_map()}});
}

Schema match_schema() {
  const auto path = object({{"match", one_of({"EXACT", "PREFIX", "REGEX"})}, {"value", loose_text()}});
  const auto header = object({{"match", one_of({"EXACT", "REGEX", "ABSENT", "PRESENT"})},
                              {"name", loose_text()},
                              {"value", loose_text()}});
  const auto query =
      object({{"match", one_of({"EXACT", "REGEX"})}, {"name", loose_text()}, {"value", loose_text()}});
  return object({{"path", path},
                 {"method", one_of({"NONE", "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST",
                                    "PUT", "TRACE"})},
                 {"headers", list(header)},
                 {"query_parameters", list(query)},
                 {"queryParameters", list(query)}});
}

Schema filter_schema() {
  const auto header = object({{"name", loose_text()}, {"value", loose_text()}});
  const auto headers = object({{"set", list(header)}, {"add", list(header)}, {"remove", list(loose_text())}});
  const auto rewrite = object({{"replace_full", loose_text()},
                               {"replaceFull", loose_text()},
                               {"replace_prefix_match", loose_text()},
                               {"replacePrefixMatch", loose_text()},
                               {"host_to_backend_hostname", boolean()},
                               {"hostToBackendHostname", boolean()}});
  const auto redirect = object({{"scheme", loose_text()},
                                {"hostname", loose_text()},
                                {"port", integer()},
                                {"status_code", integer()},
                                {"statusCode", integer()},
                                {"path", rewrite}});
  return object({{"request_header", headers},
                 {"requestHeader", headers},
                 {"response_header", headers},
                 {"responseHeader", headers},
                 {"mirror", object({{"percentage", number()}, {"backend", backend_schema()}})},
                 {"redirect", redirect},
                 {"rewrite", rewrite}});
}

}  // namespace

Schema mesh_gateway_route_schema(Dialect /*dialect*/) {
  const auto backends = list(backend_schema());
  const auto rule =
      object({{"matches", list(match_schema())}, {"filters", list(filter_schema())}, {"backends", backends}});
  const auto http = object({{"hostnames", list(loose_text())}, {"rules", list(rule)}});
  const auto tcp = object({{"rules", list(object({{"backends", backends}}))}});
  return object({{"selectors", list(object({{"match", loose_text_map()}}))},
                 {"conf", object({{"http", http}, {"tcp", tcp}})}});
}

namespace {

const Node* either(const Node& parent, std::string_view snake, std::string_view camel) {
  const auto* node = parent.find(snake);
  return node != nullptr ? node : parent.find(camel);
}

bool is_empty_list(const Node* list) {
  return list == nullptr || list->size() == 0;
}

class RouteCheck {
 public:
  explicit RouteCheck(Validator& validator) : validator_(validator) {}

  void http(const Node& http) {
    if (is_empty_list(http.find("rules"))) return needed(http, "conf.http.rules");
    validator_.each(http, "conf.http", "rules",
                    [&](const Node& node, const std::string& path) { rule(node, path); });
  }

 private:
  void needed(const Node& at, const std::string& path) { validator_.error(at, path, "cannot be empty"); }

  void rule(const Node& rule, const std::string& path) {
    if (is_empty_list(rule.find("matches"))) return needed(rule, path + ".matches");
    prefix_match_ = false;
    validator_.each(rule, path, "matches", [&](const Node& node, const std::string& at) { match(node, at); });
    rewrites_host_ = false;
    bool redirects = false;
    validator_.each(rule, path, "filters", [&](const Node& node, const std::string&) {
      rewrites_host_ = rewrites_host_ || is_host_rewrite(node);
      redirects = redirects || node.find("redirect") != nullptr;
    });
    // Kuma numbers the filters without those that take the backend's host.
    std::size_t index = 0;
    validator_.each(rule, path, "filters", [&](const Node& node, const std::string&) {
      if (!is_host_rewrite(node)) filter(node, index_path(path + ".filters", index++));
    });
    const auto* filters = rule.find("filters");
    if (redirects && filters->size() != 1) {
      return validator_.error(*filters, path + ".filters", "redirects cannot be used with other filters");
    }
    const bool forwards = !is_empty_list(rule.find("backends"));
    if (!forwards && !redirects) needed(rule, path + ".backends");
    if (forwards && redirects) {
      validator_.error(rule, path + ".backends", "must be empty when using redirect filters");
    }
    validator_.each(rule, path, "backends",
                    [&](const Node& node, const std::string& at) { backend(node, at); });
  }

  static bool is_host_rewrite(const Node& filter) {
    const auto* rewrite = filter.find("rewrite");
    const auto* flag =
        rewrite == nullptr ? nullptr : either(*rewrite, "host_to_backend_hostname", "hostToBackendHostname");
    return flag != nullptr && flag->as_boolean() == true;
  }

  void backend(const Node& backend, const std::string& path) {
    validate_tags(validator_, backend, backend.find("destination"), path,
                  {.selector = true, .at_least_one = true, .require_service = true});
  }

  void match(const Node& match, const std::string& path) {
    const auto method = match.text_of("method");
    const auto* route = match.find("path");
    const auto* query = either(match, "query_parameters", "queryParameters");
    if (route == nullptr && (method.empty() || method == "NONE") && is_empty_list(match.find("headers")) &&
        is_empty_list(query)) {
      needed(match, path);
    }
    if (route != nullptr) match_path(*route, path + ".value");
    validator_.each(match, path, "headers", [&](const Node& header, const std::string& at) {
      if (header.text_of("name").empty()) needed(header, at + ".name");
      const auto how = header.text_of("match");
      const bool valued = !header.text_of("value").empty();
      const bool presence = how == "ABSENT" || how == "PRESENT";
      if (presence && valued) validator_.error(header, at + ".value", "cannot be set");
      if (!presence && !valued) needed(header, at + ".value");
    });
    for (std::size_t i = 0; query != nullptr && i < query->items.size(); ++i) {
      const auto at = index_path(path + ".query_parameters", i);
      if (query->items[i].text_of("name").empty()) needed(query->items[i], at + ".name");
      if (query->items[i].text_of("value").empty()) needed(query->items[i], at + ".value");
    }
  }

  void match_path(const Node& route, const std::string& at) {
    const auto how = route.text_of("match");
    const auto value = route.text_of("value");
    if (how == "PREFIX") prefix_match_ = true;
    if (how == "REGEX") {
      if (value.empty()) needed(route, at);
    } else if (!value.starts_with('/')) {
      validator_.error(route, at, "must be an absolute path");
    }
  }

  void filter(const Node& filter, const std::string& path) {
    if (const auto* headers = either(filter, "request_header", "requestHeader")) {
      header_filter(*headers, path + ".request_header");
    }
    if (const auto* redirect = filter.find("redirect")) {
      const auto* port = redirect->find("port");
      if (port != nullptr && port->as_integer().value_or(0) > 0) {
        validator_.port(*redirect, path + ".redirect", "port", true);
      }
      const auto* status = either(*redirect, "status_code", "statusCode");
      const auto code = status == nullptr ? 0 : status->as_integer().value_or(0);
      if (code < 300 || code > 308) {
        validator_.error(*redirect, path + ".redirect.status_code", "must be in the range [300, 308]");
      }
    }
    if (const auto* mirror = filter.find("mirror")) mirror_filter(*mirror, path + ".mirror");
    if (const auto* rewrite = filter.find("rewrite")) {
      if (!prefix_match_ && either(*rewrite, "replace_prefix_match", "replacePrefixMatch") != nullptr) {
        validator_.error(*rewrite, path + ".rewrite.replacePrefixMatch",
                         "cannot be used without a match on path prefix");
      }
    }
  }

  void header_filter(const Node& headers, const std::string& path) {
    if (is_empty_list(headers.find("set")) && is_empty_list(headers.find("add")) &&
        is_empty_list(headers.find("remove"))) {
      needed(headers, path);
    }
    for (const auto* part : {"set", "add"}) {
      validator_.each(headers, path, part, [&](const Node& header, const std::string& at) {
        const auto name = header.text_of("name");
        if (name.empty()) needed(header, at + ".name");
        if (rewrites_host_ && (name == ":authority" || name == "Host" || name == "host")) {
          validator_.error(header, at,
                           "cannot modify '" + std::string(name) +
                               "' header, when route has set 'rewrite.host_to_backend_hostname' option");
        }
        if (header.text_of("value").empty()) needed(header, at + ".value");
      });
    }
    validator_.each(headers, path, "remove", [&](const Node& name, const std::string& at) {
      if (name.scalar.empty()) needed(name, at);
    });
  }

  void mirror_filter(const Node& mirror, const std::string& path) {
    const auto* percentage = mirror.find("percentage");
    double value = -1;
    if (percentage != nullptr) {
      const auto& text = percentage->scalar;
      std::from_chars(text.data(), text.data() + text.size(), value);
    }
    if (percentage == nullptr) {
      needed(mirror, path + ".percentage");
    } else if (!(value >= 0 && value <= 100)) {
      validator_.error(*percentage, path + ".percentage", "has to be in [0.0 - 100.0] range");
    }
    const auto* target = mirror.find("backend");
    if (target == nullptr) return needed(mirror, path + ".backend");
    backend(*target, path + ".backend");
  }

  Validator& validator_;
  bool prefix_match_ = false;
  bool rewrites_host_ = false;
};

}  // namespace

void validate_mesh_gateway_route(Validator& validator) {
  const auto& body = validator.resource().body;
  validate_gateway_selectors(validator, body, false);
  const auto* http = body.find_path({"conf", "http"});
  if (http == nullptr && body.find_path({"conf", "tcp"}) == nullptr) {
    validator.error(body, "conf", "cannot be empty");
  }
  if (http != nullptr) RouteCheck(validator).http(*http);
}

}  // namespace sluice::policy
