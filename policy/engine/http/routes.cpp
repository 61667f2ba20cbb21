#include "policy/engine/http/routes.h"

#include <algorithm>

#include "policy/engine/http/values.h"
#include "policy/kinds/regex.h"

namespace sluice::policy {
namespace {

PathRewrite rewrite_of(const Node* path) {
  if (path == nullptr) return {};
  const bool full = path->text_of("type") == "ReplaceFullPath";
  return {full ? PathRewrite::Kind::full : PathRewrite::Kind::prefix,
          std::string(path->text_of(full ? "replaceFullPath" : "replacePrefixMatch"))};
}

Redirect redirect_of(const Node& conf) {
  Redirect out;
  out.status = static_cast<std::uint16_t>(count_of(conf, "statusCode", 302));
  out.scheme = conf.text_of("scheme");
  out.hostname = conf.text_of("hostname");
  out.port = static_cast<std::uint16_t>(count_of(conf, "port"));
  out.path = rewrite_of(conf.find("path"));
  return out;
}

// Later filters of one kind add to or replace what earlier ones said.
void append(const HeaderEdits& more, HeaderEdits& out) {
  out.set.insert(out.set.end(), more.set.begin(), more.set.end());
  out.add.insert(out.add.end(), more.add.begin(), more.add.end());
  out.remove.insert(out.remove.end(), more.remove.begin(), more.remove.end());
}

// The block that the filter's type names, whatever others stand beside it.
void add_filter(const Node& filter, const Resource& policy, const BackendFinder& find, RouteImage& out) {
  const auto type = filter.text_of("type");
  const auto block = [&](std::string_view name, std::string_view key) {
    return type == name ? filter.find(key) : nullptr;
  };
  if (const auto* conf = block("RequestHeaderModifier", "requestHeaderModifier"))
    append(header_edits(conf), out.request_headers);
  if (const auto* conf = block("ResponseHeaderModifier", "responseHeaderModifier"))
    append(header_edits(conf), out.response_headers);
  if (const auto* conf = block("RequestRedirect", "requestRedirect")) out.redirect = redirect_of(*conf);
  if (const auto* conf = block("URLRewrite", "urlRewrite")) {
    out.rewrite = rewrite_of(conf->find("path"));
    out.rewrite_host = conf->text_of("hostname");
  }
  if (const auto* conf = block("RequestMirror", "requestMirror")) {
    const auto* ref = conf->find("backendRef");
    const auto service = ref == nullptr ? kNone : find(*ref, policy);
    if (service != kNone) out.mirrors.push_back({service, share_of(*conf, "percentage", kWhole)});
  }
}

std::string problem_of(const std::vector<TextMatch>& list) {
  for (const auto& match : list) {
    if (match.kind != TextMatch::Kind::regex) continue;
    if (auto problem = regex_problem(match.value); !problem.empty()) return problem;
  }
  return {};
}

}  // namespace

RouteMatch match_of(const Node* match) {
  RouteMatch out;
  if (match == nullptr) return out;
  if (const auto* path = match->find("path")) {
    const auto type = path->text_of("type");
    out.path.kind = type == "Exact"        ? PathMatch::Kind::exact
                    : type == "PathPrefix" ? PathMatch::Kind::prefix
                                           : PathMatch::Kind::regex;
    out.path.value = path->text_of("value");
  }
  out.method = match->text_of("method");
  out.headers = text_matches(match->find("headers"), true);
  out.query = text_matches(match->find("queryParams"), false);
  return out;
}

std::string match_problem(const RouteMatch& match) {
  if (match.path.kind == PathMatch::Kind::regex) {
    if (auto problem = regex_problem(match.path.value); !problem.empty()) return problem;
  }
  if (auto problem = problem_of(match.headers); !problem.empty()) return problem;
  return problem_of(match.query);
}

std::vector<WeightedBackend> backends_of(const Node* refs, const Resource& policy,
                                         const BackendFinder& find) {
  std::vector<WeightedBackend> out;
  if (refs == nullptr || refs->items.empty()) return out;
  for (const auto& ref : refs->items) {
    const auto weight = count_of(ref, "weight", 1);
    if (weight > 0) out.push_back({find(ref, policy), weight});
  }
  if (out.empty()) out.push_back({kNone, 1});
  return out;
}

RouteImage route_of(const OrderedMatch& one, const BackendFinder& find) {
  RouteImage out;
  out.match = match_of(one.match);
  const auto& conf = one.rule->conf;
  if (const auto* filters = conf.find("filters")) {
    for (const auto& filter : filters->items) add_filter(filter, *one.rule->route, find, out);
  }
  if (one.rule->backends != nullptr)
    out.backends = backends_of(conf.find("backendRefs"), *one.rule->backends, find);
  return out;
}

}  // namespace sluice::policy
