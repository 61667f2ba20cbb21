// The form of MeshHTTPRoute (kuma.md 2.9).
#include "policy/document/names.h"
#include "policy/kinds/backend_ref.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"

namespace sluice::policy {

using namespace schema;

namespace {

Schema match_schema() {
  const auto path = object({{"type", one_of({"Exact", "PathPrefix", "RegularExpression"}), true},
                            {"value", sized(text(), 1), true}});
  const auto method =
      one_of({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"});
  const auto parameter = object({{"type", one_of({"Exact", "RegularExpression"}), true},
                                 {"name", sized(text(), 1), true},
                                 {"value", text(), true}});
  return object({{"path", path},
                 {"method", method},
                 {"queryParams", list(parameter)},
                 {"headers", list(header_match())}});
}

Schema path_rewrite() {
  return object({{"type", one_of({"ReplaceFullPath", "ReplacePrefixMatch"}), true},
                 {"replaceFullPath", text()},
                 {"replacePrefixMatch", text()}});
}

Schema hostname() {
  return formed(sized(text(), 1, 253), is_dns_subdomain, "write a host name such as example.com");
}

Schema status_code() {
  auto out = integer();
  out.choices = {301, 302, 303, 307, 308};
  return out;
}

Schema filter_schema(Dialect dialect) {
  const auto headers =
      object({{"set", header_values()}, {"add", header_values()}, {"remove", sized(list(text()), {}, 16)}});
  const auto redirect = object({{"scheme", one_of({"http", "https"})},
                                {"hostname", hostname()},
                                {"path", path_rewrite()},
                                {"port", integer(1, 65535)},
                                defaulted("statusCode", status_code(), Node::of_integer(302))});
  const auto rewrite =
      object({{"hostname", hostname()}, {"path", path_rewrite()}, {"hostToBackendHostname", boolean()}});
  const auto mirror = object({{"percentage", int_or_text()}, {"backendRef", backend_ref(dialect), true}});
  const auto types = one_of(
      {"RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite", "RequestMirror"});
  return object({{"type", types, true},
                 {"requestHeaderModifier", headers},
                 {"responseHeaderModifier", headers},
                 {"requestRedirect", redirect},
                 {"urlRewrite", rewrite},
                 {"requestMirror", mirror}});
}

}  // namespace

Schema mesh_http_route_schema(Dialect dialect) {
  const auto conf =
      object({{"filters", list(filter_schema(dialect))}, {"backendRefs", list(backend_ref(dialect))}});
  const auto rule = object({{"matches", sized(list(match_schema()), 1), true}, {"default", conf, true}});
  const auto item = object(
      {{"targetRef", target_ref(dialect), true}, {"hostnames", list(text())}, {"rules", list(rule), true}});
  return policy({{"to", list(item)}}, dialect);
}

}  // namespace sluice::policy
